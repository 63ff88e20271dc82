"""What holds for every rule that divides the rows, and what each rule refuses."""

import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firelib.config import Split
from firelib.data.prepare import compute_positions
from firelib.recipe import SPLITS, Recipe
from tests.data.split.dataset import Numbered, SplitDataset, make_dataset
from tests.errors import refused

SHARES = Split(train=0.5, validation=0.25, test=0.25)
CUTS = Split(validation_from=100, test_from=200)
#: Name → section `data.split`, and the recipe's attributes.
RULES: dict[str, tuple[Split, dict[str, Any]]] = {
    "key": (SHARES, {}),
    "group": (SHARES, {"split_by": ("clan",)}),
    "key as group": (SHARES, {"split_by": ("id",)}),
    "time": (CUTS, {"split_time": "at"}),
    "column": (Split(), {"split_column": "fold"}),
    "test rows": (Split(train=0.7, validation=0.3, test=0.0), {"test_rows": "official"}),
    "stratum": (SHARES, {"stratify_by": ("stratum",)}),
}
STABLE = sorted(RULES.keys() - {"stratum"})
NUMBERS = st.lists(st.integers(0, 300), min_size=20, max_size=60, unique=True)


def frame_of(numbers: list[int]) -> pd.DataFrame:
    """Rows that have all columns as functions of their number; each split gets rows by every rule."""
    numbers = [*numbers, *range(1000, 1060), *(-number for number in range(60)), *range(150, 155)]
    unique = pd.Series(list(dict.fromkeys(numbers)))
    folds = [SPLITS[number % 3] for number in unique]
    return pd.DataFrame(
        {
            "id": unique,
            "number": unique,
            "at": unique,
            "group": unique // 3,
            "clan": unique // 3,  # as the group, but no feature
            "stratum": unique % 4,
            "label": unique % 2,
            "fold": folds,
            "official": unique % 5 == 0,
        }
    )


def make(frame: pd.DataFrame, rule: str, partitions: int = 1) -> SplitDataset:
    split, attributes = RULES[rule]
    with tempfile.TemporaryDirectory() as folder:
        return make_dataset(frame, Path(folder), split, partitions, **attributes)


@settings(max_examples=15)
@given(rule=st.sampled_from(sorted(RULES)), numbers=NUMBERS, partitions=st.integers(2, 4), seed=st.integers(0, 9))
def test_any_partitioning_gives_the_same_bytes_and_every_row_once(
    rule: str, numbers: list[int], partitions: int, seed: int
) -> None:
    frame = frame_of(numbers)
    one, many = make(frame, rule), make(frame.sample(frac=1, random_state=seed), rule, partitions)
    assert many == one
    placed = [number for name in SPLITS for number in one.numbers[name]]
    assert sorted(placed) == sorted(frame["number"])


def positions(frame: pd.DataFrame, rule: str) -> dict[int, int]:
    """Number of a row → its position, which decides its split."""
    split, attributes = RULES[rule]
    recipe: Recipe = type("Some", (Numbered,), attributes)()
    found, _ = compute_positions(pa.Table.from_pandas(frame), recipe, split)
    return dict(zip(frame["number"], found.tolist(), strict=True))


@pytest.mark.parametrize("rule", STABLE)
@settings(max_examples=20)
@given(numbers=NUMBERS, added=NUMBERS)
def test_rows_keep_their_split_and_position_when_others_are_added(
    rule: str, numbers: list[int], added: list[int]
) -> None:
    before, after = positions(frame_of(numbers), rule), positions(frame_of([*added, *numbers]), rule)
    assert after | before == after


@settings(max_examples=20)
@given(numbers=NUMBERS, added=NUMBERS)
def test_a_group_is_never_on_two_sides(numbers: list[int], added: list[int]) -> None:
    found = positions(frame_of([*numbers, *added]), "group")
    sides = {(number // 3, position >> 62) for number, position in found.items()}
    assert len(sides) == len({group for group, _ in sides})


def test_groups_and_times_of_a_dataset() -> None:
    by_group, by_time = make(frame_of([]), "group"), make(frame_of([]), "time").numbers
    groups = [{number // 3 for number in by_group.numbers[name]} for name in SPLITS]
    assert sum(map(len, groups)) == len(set().union(*groups))
    assert by_group.leakage["clan"] == {name: [0, len(groups[index])] for index, name in enumerate(SPLITS) if index}
    assert max(by_time["train"]) < 100 <= min(by_time["validation"])
    assert max(by_time["validation"]) < 200 <= min(by_time["test"])


def test_new_times_go_to_the_test_split() -> None:
    before, after = make(frame_of([]), "time"), make(frame_of(list(range(2000, 2100))), "time")
    assert (after.numbers["train"], after.numbers["validation"]) == (
        before.numbers["train"],
        before.numbers["validation"],
    )
    assert set(after.numbers["test"]) == {*before.numbers["test"], *range(2000, 2100)}


@pytest.mark.parametrize("rule", RULES)
def test_the_order_in_a_split_is_that_of_the_key(rule: str) -> None:
    """Neighbouring rows are strangers whatever divides them, and the shards of a split have about equal sizes."""
    frame = frame_of(list(range(1000)))
    order = make(frame, rule).numbers["train"]
    distances = pd.Series(order).diff().abs()
    assert (distances < 10).mean() < 0.2
    assert pd.Series(order).corr(pd.Series(range(len(order)))) == pytest.approx(0, abs=0.15)


def test_the_column_names_the_split() -> None:
    frame = frame_of([])
    made = make(frame, "column")
    for name in SPLITS:
        assert set(made.numbers[name]) == set(frame["number"][frame["fold"] == name])


@pytest.mark.parametrize(
    ("rule", "column"), [("group", "clan"), ("column", "fold"), ("stratum", "stratum"), ("time", "at")]
)
def test_all_rows_without_a_value_are_counted(rule: str, column: str) -> None:
    frame = frame_of([])
    without = frame["id"] % 10 == 0
    frame = frame.assign(**{column: frame[column].astype(object).where(~without, None)})
    with refused(what=[column, "null", int(without.sum())], where="transform", remedy="Recipe.exclude"):
        make(frame, rule, partitions=3)


def test_all_other_values_than_the_splits_are_named() -> None:
    frame = frame_of([])
    frame["fold"] = frame["fold"].replace({"test": "dev", "train": "Train"})
    rows = frame["fold"].value_counts()
    with refused(what=["fold", "'dev'", rows["dev"], "'Train'", rows["Train"]], remedy="train, validation, test"):
        make(frame, "column", partitions=3)


@pytest.mark.parametrize(
    ("rule", "columns", "what", "where"),
    [
        ("column", {"fold": "train"}, ["validation", "test", "fold"], "split_column"),
        ("time", {"at": 5}, ["validation", "test", "at", 5], "data.split"),
        ("group", {"clan": 1}, ["1 group of clan", "100.0%", "0.0%"], "split_by"),
        ("test rows", {"official": False}, ["test", "official"], "test_rows"),
    ],
)
def test_an_empty_split_is_explained(rule: str, columns: dict[str, Any], what: list[Any], where: str) -> None:
    with refused(what=what, where=where):
        make(frame_of([]).assign(**columns), rule)


def test_a_group_that_is_larger_than_a_split_is_noted(capsys: pytest.CaptureFixture[str]) -> None:
    frame = frame_of([])
    frame["clan"] = frame["clan"].where(frame["id"] > 0, -1)
    make(frame, "group")
    printed = capsys.readouterr().err
    assert all(part in printed for part in ("largest group", "60 of 125 rows", "train"))
