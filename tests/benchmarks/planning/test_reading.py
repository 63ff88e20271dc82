"""An epoch's reading, from a disk and from a store with latency."""

from pathlib import Path

import pytest

from benchmarks.datasets import numbers
from benchmarks.planning.file_store import serve
from benchmarks.planning.reading import epoch_seconds
from firelib import open_dataset, write_tfrecords


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    case, target = numbers(40_000), tmp_path_factory.mktemp("planning") / "dataset"
    write_tfrecords(case.table(), str(target), case.features[:-1], label=case.features[-1])
    return target


def test_a_store_serves_the_dataset_as_slowly_as_it_is_asked_to(folder, monkeypatch):
    monkeypatch.setenv("FIRELIB_CACHE", "unused")  # restores it: each epoch has a cache of its own
    with serve(folder) as address:
        assert open_dataset(f"{address}/0").manifest == open_dataset(str(folder)).manifest
        assert epoch_seconds(f"{address}/400") > 0.4  # the first window needs at least one request
    assert epoch_seconds(str(folder)) > 0
