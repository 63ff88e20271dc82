from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from firelib.config import Split
from firelib.data.split import leakage
from firelib.data.split.leakage import describe_contents, report_leakage, sample_limit
from firelib.data.split.leakage_summary import KEYS, ROWS, TIMES, summarize_leakage
from firelib.data.split.position import HASH_SPACE
from firelib.recipe import Feature, Recipe
from firelib.tfrecord.format.arrow_columns import to_columns
from tests.data.split.dataset import make_dataset

FEATURES = (
    Feature("number", "float32", nullable=True),
    Feature("pixels", "uint8", shape=(3, 5)),
    Feature("code", "string", max_length=9),
    Feature("text", "string"),
    Feature("words", "string", ragged=True),
)


class Visits(Recipe):
    name = "visits"
    key = ("patient", "at")
    features = FEATURES


def row(**changes: Any) -> dict[str, Any]:
    plain = {"number": 1.5, "pixels": [*range(15)], "code": "AB", "text": "long", "words": ["a", "b"]}
    return {"patient": 1, "at": pd.Timestamp("2024-01-01"), **plain, **changes}


def report(limit: int = HASH_SPACE, **splits: list[dict[str, Any]]) -> dict[str, Any]:
    shards = []
    for name, rows in splits.items():
        for one in rows:  # each in a shard of its own
            table = pa.Table.from_pylist([one])
            shards.append((name, describe_contents(table, to_columns(table, FEATURES), Visits(), limit)))
    return report_leakage(shards, limit)


@pytest.mark.parametrize("kind", [pa.duration("us"), pa.time64("us")], ids=str)
def test_durations_and_times_of_day_do_not_overlap(kind: pa.DataType) -> None:
    table = pa.Table.from_pylist([row()]).set_column(1, "at", pa.array([1], kind))
    shards = [
        (split, describe_contents(table, to_columns(table, FEATURES), Visits(), HASH_SPACE))
        for split in ("train", "test")
    ]
    assert TIMES not in report_leakage(shards, HASH_SPACE)


def test_rows_with_equal_features_are_counted() -> None:
    copies = [row(patient=2), row(patient=3), row(patient=4, number=2.5)]
    found = report(train=[row(), row(patient=9)], validation=[row(number=None)], test=copies)
    assert found[ROWS] == {"validation": [0, 1], "test": [2, 3]}


@pytest.mark.parametrize(
    "changes",
    [
        {"number": None},
        {"pixels": [*range(14), 99]},
        {"code": "AC"},
        {"text": "longer"},
        {"words": ["a", "c"]},
        {"words": ["ab"]},
    ],
)
def test_a_row_that_differs_in_one_feature_is_another_row(changes: dict[str, Any]) -> None:
    found = report(train=[row()], validation=[row()], test=[row(**changes)])
    assert found[ROWS] == {"validation": [1, 1], "test": [0, 1]}


def test_columns_of_the_key_and_times_on_two_sides() -> None:
    later, earlier = pd.Timestamp("2024-03-01"), pd.Timestamp("2023-01-01")
    found = report(
        train=[row(), row(patient=2)],
        validation=[row(patient=3, at=later)],
        test=[row(patient=2, at=earlier), row(patient=5, at=later)],
    )
    assert found["patient"] == {"validation": [0, 1], "test": [1, 2]}
    assert found[TIMES] == {"at": {"test": ["2023-01-01 00:00:00", "2024-03-01 00:00:00"]}}
    assert KEYS not in found  # the hash of a key decides its split
    lines = summarize_leakage(found)
    assert any("patient" in line and "test 1 of 2" in line for line in lines)
    assert any("at overlaps" in line and "2023-01-01" in line for line in lines)


def test_what_is_on_one_side_is_not_mentioned() -> None:
    alone = row(patient=2, number=9, at=pd.Timestamp("2025-01-01"))
    assert summarize_leakage(report(train=[row()], validation=[alone], test=[alone])) == []


def test_a_sample_stands_for_all_rows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its size is bounded, and its figures are scaled up: within a tenth of the true ones."""
    numbers = np.arange(8_000)
    frame = pd.DataFrame({"id": numbers, "number": numbers // 2, "group": 0, "label": 0})
    split = Split(train=0.5, validation=0.25, test=0.25)
    (tmp_path / "all").mkdir()
    (tmp_path / "sample").mkdir()
    whole = make_dataset(frame, tmp_path / "all", split).leakage[ROWS]
    monkeypatch.setattr(leakage, "_SAMPLE", 4_000)
    assert sample_limit(8_000) == HASH_SPACE // 2
    sample = make_dataset(frame, tmp_path / "sample", split).leakage[ROWS]
    assert sample != whole
    for name in ("validation", "test"):
        assert sample[name] == pytest.approx(whole[name], rel=0.1)


def test_a_key_with_two_values_of_the_column_is_on_two_sides(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": [1, 1, 2, 3], "number": range(4), "group": 0, "label": 0})
    frame["fold"] = ["train", "test", "validation", "test"]
    made = make_dataset(frame, tmp_path, Split(), split_column="fold")
    assert made.leakage[KEYS] == {"validation": [0, 1], "test": [1, 2]}


@pytest.mark.parametrize("name", [ROWS, KEYS, TIMES])
def test_columns_may_have_the_names_of_parts_of_the_report(name: str) -> None:
    recipe = Visits()
    recipe.key = recipe.split_by = (name,)  # type: ignore[misc,assignment]
    plain = {key: value for key, value in row().items() if key != "patient"}
    shards = []
    for split, value in (("train", 1), ("validation", 1), ("test", 2)):
        table = pa.Table.from_pylist([{**plain, name: value}])
        shards.append((split, describe_contents(table, to_columns(table, FEATURES), recipe, HASH_SPACE)))
    found = report_leakage(shards, HASH_SPACE)
    assert found[ROWS] == {"validation": [1, 1], "test": [1, 1]}
    assert [part for key, part in found.items() if key.endswith(f" {name}")] == [{"validation": [1, 1], "test": [0, 1]}]
    assert summarize_leakage(found)
