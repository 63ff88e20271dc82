from pathlib import Path

import pytest

from firelib.data.quality.expectations import find_failures
from firelib.recipe import Expectation, Feature, FittedFeature
from tests.data.transformed import assert_no_leftovers, hashes, make
from tests.errors import refused
from tests.recipes.tiny import Tiny, tiny_recipe, write_sources

NUMBER = FittedFeature(Feature("x", "float32", nullable=True), count=90, missing=10, mean=5.0, std=2.0)
WORD = FittedFeature(Feature("w", "string", max_length=1), count=10, vocabulary=("a", "b", "c"))


@pytest.mark.parametrize(
    ("expectation", "fitted", "found"),
    [
        (Expectation("x", missing=0.1, mean=(5, 6), std=(1, 2)), NUMBER, []),
        (Expectation("x", missing=0.09), NUMBER, ["10.0%"]),
        (Expectation("x", mean=(5.1, 6), std=(0, 1.9)), NUMBER, ["mean", "std"]),
        (Expectation("w", missing=0, distinct=(3, 3)), WORD, []),
        (Expectation("w", distinct=(4, 9)), WORD, ["distinct"]),
    ],
)
def test_bounds_are_inclusive(expectation: Expectation, fitted: FittedFeature, found: list[str]) -> None:
    failures = list(find_failures(expectation, fitted))
    assert len(failures) == len(found)
    assert all(word in failure for word, failure in zip(found, failures, strict=True))


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
