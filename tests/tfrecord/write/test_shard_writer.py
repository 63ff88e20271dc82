"""Shards: names and bytes depend on the rows alone, and other readers accept them."""

from pathlib import Path

import numpy as np
import pytest
import xxhash

from firelib.tfrecord.format.fixed_layout import build_fixed_layout
from firelib.tfrecord.write.shard_writer import shard_count, shard_name, write_shard
from tests.tfrecord import reference
from tests.tfrecord.samples import assert_equal, parsed
from tests.tfrecord.small import FEATURES, LABEL, columns, write_dataset

LAYOUT = build_fixed_layout([*FEATURES, LABEL])


@pytest.mark.parametrize("rows", [0, 1, 1000, 30_000])
def test_the_manifest_entry_describes_the_file(tmp_path: Path, rows: int) -> None:
    shard = write_shard(tmp_path / "x.tfrecord", columns(rows), LAYOUT)
    content = (tmp_path / "x.tfrecord").read_bytes()
    assert (shard.name, shard.rows, shard.bytes) == ("x.tfrecord", rows, len(content))
    assert shard.xxh128 == xxhash.xxh3_128_hexdigest(content)
    assert content == reference.frames(columns(rows), LAYOUT)


def test_tensorflow_reads_a_shard(tmp_path: Path) -> None:
    import tensorflow as tf

    write_shard(tmp_path / "x.tfrecord", columns(500), LAYOUT)
    records = [record.numpy() for record in tf.data.TFRecordDataset(str(tmp_path / "x.tfrecord"))]
    found = parsed(records, [*FEATURES, LABEL])
    assert_equal(found, columns(500))


def test_ray_data_reads_a_shard(tmp_path: Path, ray_cluster: None) -> None:
    import ray

    write_dataset(tmp_path, 50)
    frame = ray.data.read_tfrecords(str(tmp_path / shard_name("train", 0, 1))).to_pandas().sort_values("count")
    expected = columns(50)
    assert frame["count"].tolist() == expected["count"].tolist()
    assert frame["label"].tolist() == expected["label"].tolist()
    assert np.array_equal(frame["number"].to_numpy(np.float32), expected["number"])
    assert [bytes(value) for value in frame["picture"]] == [value.tobytes() for value in expected["picture"]]
    assert [value.rstrip(b"\0") for value in frame["word"]] == expected["word"].tolist()


@pytest.mark.parametrize(("rows", "count"), [(0, 1), (1, 1), (10_000, 1), (100_000, 10)])
def test_shard_count_approximates_the_target_size(rows: int, count: int) -> None:
    assert shard_count(rows, record_bytes=84, target_bytes=1e6) == count
