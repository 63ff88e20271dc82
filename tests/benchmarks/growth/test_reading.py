"""A dataset that grew and one from a single commit have the same rows, and their epochs are measured in one order."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.growth.months import GrowingDataset, make_month
from benchmarks.growth.reading import make_both, number_rows, read_order, require_same_rows
from benchmarks.shuffle_quality import correlation, distance
from firelib.tfrecord.read.dataset import open_dataset

ROWS, VERSIONS = 16_000, 2  # a version is more than a quarter of a shard

pytestmark = pytest.mark.usefixtures("ray_cluster")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[GrowingDataset, GrowingDataset]:
    return make_both(tmp_path_factory.mktemp("growth"), ROWS, VERSIONS)


def test_only_the_one_that_grew_has_shards_of_several_versions(both: tuple[GrowingDataset, GrowingDataset]) -> None:
    generations = [{path.name.split("-")[1] for path in each.paths.tfrecords.glob("*.tfrecord")} for each in both]
    assert [len(each) for each in generations] == [VERSIONS, 1]


def test_order_of_an_epoch_is_that_of_the_commits_shuffled(both: tuple[GrowingDataset, GrowingDataset]) -> None:
    numbers = number_rows(ROWS, VERSIONS)
    assert len(numbers) == ROWS * VERSIONS
    for each in both:
        dataset = open_dataset(str(each.paths.tfrecords))
        order = read_order(dataset, 1, numbers)
        assert sorted(order.tolist()) == list(range(dataset.manifest.splits["train"].rows))
        assert abs(correlation(order)) < 0.2
        assert distance(order) == pytest.approx(1, abs=0.3)


def test_other_rows_are_found(both: tuple[GrowingDataset, GrowingDataset], tmp_path: Path) -> None:
    grown, together = (open_dataset(str(each.paths.tfrecords)) for each in both)
    require_same_rows(grown, together)
    fewer = GrowingDataset(tmp_path, ROWS)
    fewer.add_months(1)
    fewer.make()
    with pytest.raises(RuntimeError, match="expected the same rows of both datasets"):
        require_same_rows(grown, open_dataset(str(fewer.paths.tfrecords)))


def test_months_differ() -> None:
    first, second = (make_month(month, 10)["number_0"].to_numpy() for month in (0, 1))
    assert not np.array_equal(first, second)
