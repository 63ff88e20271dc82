from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from firelib import storage
from firelib.data.quality.expectations import find_failures
from firelib.data.row_validation import REASON
from firelib.recipe import Expectation, Feature, FittedFeature
from tests.data.transformed import assert_no_leftovers, hashes, make
from tests.errors import refused
from tests.recipes.tiny import Tiny, order_rows, tiny_recipe, write_sources

NUMBER = FittedFeature(Feature("x", "float32", nullable=True), count=90, missing=10, mean=5.0, std=2.0)
GONE = FittedFeature(Feature("x", "float32", nullable=True), missing=10)
FREE_TEXT = FittedFeature(Feature("w", "string"), count=200_000)  # its vocabulary is too large to be kept
WORD = FittedFeature(Feature("w", "string", max_length=1), count=10, vocabulary=("a", "b", "c"))


@pytest.mark.parametrize(
    ("expectation", "fitted", "found"),
    [
        (Expectation("x", missing=0.1, mean=(5, 6), std=(1, 2)), NUMBER, []),
        (Expectation("x", missing=0.09), NUMBER, ["10%"]),
        (Expectation("x", mean=(5.1, 6), std=(0, 1.9)), NUMBER, ["mean", "std"]),
        (Expectation("x", mean=(0, 4.9999999)), NUMBER, ["4.9999999"]),
        (Expectation("x", mean=(-1, 1), std=(0, 1)), GONE, ["mean from -1 to 1, got no values", "std"]),
        (Expectation("w", missing=0, distinct=(3, 3)), WORD, []),
        (Expectation("w", distinct=(4, 9)), WORD, ["distinct"]),
        (Expectation("w", distinct=(0, 9)), FREE_TEXT, ["too many to count"]),
        (Expectation("w", distinct=(1, 10**9)), FREE_TEXT, ["too many to count"]),
        (Expectation("w", distinct=(0, 9)), FittedFeature(Feature("w", "string")), []),
    ],
)
def test_bounds_are_inclusive(expectation: Expectation, fitted: FittedFeature, found: list[str]) -> None:
    failures = list(find_failures(expectation, fitted))
    assert len(failures) == len(found)
    assert all(words in failure for words, failure in zip(found, failures, strict=True))


class Strict(Tiny):
    expectations = (Expectation("amount", mean=(0, 1)), Expectation("items", missing=0.0))


class Lenient(Tiny):
    expectations = (Expectation("amount", mean=(0, 1), on_failure="warn"), Expectation("city", distinct=(1, 9)))


@pytest.mark.usefixtures("ray_cluster")
def test_a_dataset_that_is_not_as_expected_does_not_replace_the_old_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_sources(tmp_path)
    lenient, paths = make(tmp_path, tiny_recipe(tmp_path, kind=Lenient))
    assert "amount: expected mean from 0 to 1" in capsys.readouterr().err
    assert lenient.features
    before = hashes(paths.tfrecords)
    with refused(
        what=[("amount", "mean"), ("items", "missing")], where=["tiny", "expectations"], remedy="data.version"
    ):
        make(tmp_path, tiny_recipe(tmp_path, kind=Strict))
    assert hashes(paths.tfrecords) == before
    assert_no_leftovers(paths)


class Judged(Tiny):
    most_set_aside = 0.25

    def set_aside(self, rows: pd.DataFrame) -> Mapping[str, Any]:
        return {"large without items": (rows["amount"] > 500) & rows["items"].isna(), "day 4": rows["day"] == 4}


@pytest.mark.usefixtures("ray_cluster")
def test_too_many_rows_set_aside_are_refused(tmp_path: Path) -> None:
    write_sources(tmp_path)
    recipe = tiny_recipe(tmp_path, kind=Judged)
    with refused(what=("25%", "day 4", "large without items"), where=["tiny", "expectations"]):
        make(tmp_path, recipe)
    recipe.most_set_aside = 0.5  # type: ignore[misc]  # of this instance
    manifest, paths = make(tmp_path, recipe)
    set_aside = pq.read_table(paths.set_aside)
    assert set(set_aside[REASON].to_pylist()) == {"large without items", "day 4"}
    assert dict(Counter(set_aside[REASON].to_pylist())) == manifest.quality["rejected"]


class Steady(Tiny):
    expectations = (
        *(Expectation(feature.name, psi=0.2) for feature in Tiny.features),
        Expectation("big", psi=0.2, on_failure="warn"),
    )


class Tolerant(Tiny):
    expectations = (Expectation("amount", psi=0.2, on_failure="warn"),)


@pytest.mark.usefixtures("ray_cluster")
def test_features_that_moved_since_the_model_was_trained_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    steady, tolerant = (tiny_recipe(tmp_path, kind=kind) for kind in (Steady, Tolerant))
    rows = order_rows(400)
    write_sources(tmp_path, rows)
    trained, paths = make(tmp_path, steady)
    assert "has no model" in capsys.readouterr().err
    lineage = storage.to_json({"data": {"manifest_sha256": trained.sha256}})
    storage.write_bytes(str(paths.model / "lineage.json"), lineage)
    make(tmp_path, steady)
    assert "drift" not in capsys.readouterr().err, "the same data have not moved"

    moved = [{**row, "amount": 999.5, "big": 1} for row in rows]
    write_sources(tmp_path, moved)  # another source: no version of the table has the rows of the model any more
    before = hashes(paths.tfrecords)
    with refused(what=("amount", "moved", "0.2"), where=["tiny", "expectations"], remedy="firelib data diff") as caught:
        make(tmp_path, steady)
    assert len(caught.value.what.splitlines()) == 1
    assert "big: has moved" in capsys.readouterr().err
    assert hashes(paths.tfrecords) == before
    make(tmp_path, tolerant)
    assert "amount: has moved" in capsys.readouterr().err

    storage.write_bytes(str(paths.model / "lineage.json"), lineage.replace(b"0", b"1"))
    make(tmp_path, steady)
    assert "no sample of the data" in capsys.readouterr().err
    assert_no_leftovers(paths)
