"""Records for peers that store bytes."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.peers.records import read_records
from firelib import Feature, write_tfrecords

ROWS = 300


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("records")
    columns = {"id": np.arange(ROWS), "text": np.array([f"{row:x}" * 9 for row in range(ROWS)], object)}
    write_tfrecords(columns, str(folder), [Feature("text", "string")], label=Feature("id", "int64"), shard_mib=0.005)
    found = sorted(map(str, folder.glob("*.tfrecord")))
    assert len(found) > 1
    return found


@pytest.mark.parametrize("rows", [0, 7, ROWS - 1, ROWS, ROWS + 9])
def test_records_are_the_first_ones_as_tensorflow_reads_them(shards: list[str], rows: int) -> None:
    import tensorflow as tf

    assert read_records(shards, rows) == list(tf.data.TFRecordDataset(shards).take(rows).as_numpy_iterator())


def test_files_may_be_paths(shards: list[str]) -> None:
    assert read_records([Path(shards[0])], 2) == read_records(shards, 2)
