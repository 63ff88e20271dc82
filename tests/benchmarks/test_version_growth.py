"""The benchmark of version growth adds one version, which writes its own bytes only."""

from pathlib import Path

import pytest

from benchmarks.growth.months import GrowingDataset
from benchmarks.version_growth import add_version

pytestmark = pytest.mark.usefixtures("ray_cluster")


def test_a_version_more_writes_its_own_shards_only(tmp_path: Path) -> None:
    dataset = GrowingDataset(tmp_path, 12_000)
    dataset.add_months(2)
    dataset.make()
    _, share = add_version(dataset)
    assert share == pytest.approx(1, abs=0.1)
    grown = dataset.make()[1]
    assert dataset.make(fresh=True)[1] == grown
