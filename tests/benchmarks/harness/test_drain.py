"""Iterating inside TensorFlow produces every batch, although it skips them."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks import datasets
from benchmarks.harness import drain
from benchmarks.peers import array_record, naive, parse_example, web_dataset
from firelib import open_dataset, write_tfrecords

ROWS, BATCH = 1100, 64
BATCHES = -(-ROWS // BATCH)


def _counted(made: list[int]) -> Any:
    """Batches that are recorded when they are produced."""
    import tensorflow as tf

    def make(step: Any) -> Any:
        made.append(int(step))
        return step

    steps = tf.data.Dataset.range(BATCHES)
    dataset = steps.map(lambda step: tf.numpy_function(make, [step], tf.int64), num_parallel_calls=tf.data.AUTOTUNE)
    return dataset.prefetch(tf.data.AUTOTUNE)


@pytest.mark.parametrize("way", ["inside", "looped"])
def test_every_batch_is_produced_once(way: str) -> None:
    made: list[int] = []
    dataset = _counted(made)
    (drain.inside(dataset, BATCHES) if way == "inside" else drain.looped(dataset))()
    assert sorted(made) == list(range(BATCHES))


@pytest.mark.parametrize("make", datasets.MAKERS, ids=lambda make: make.__name__)
def test_every_peer_reads_every_row(make: Any, tmp_path: Path) -> None:
    import tensorflow as tf

    data = make(ROWS)
    features = data.features
    write_tfrecords(data.columns, str(tmp_path / "ours"), features[:-1], label=features[-1], shard_mib=0.1)
    files = sorted(map(str, (tmp_path / "ours").glob("*.tfrecord")))
    assert len(files) > 1
    records = list(tf.data.TFRecordDataset(files).as_numpy_iterator())
    array_record.write(tmp_path / "a", records)
    web_dataset.write(tmp_path / "w", records)
    naive.write(tmp_path / "n", data.columns, ROWS)
    made = {
        "ours": open_dataset(str(tmp_path / "ours")).as_tf(BATCH),
        "parse_example": parse_example.dataset(files, features, BATCH),
        "array_record": array_record.dataset(tmp_path / "a", features, BATCH),
        "web_dataset": web_dataset.dataset(tmp_path / "w", features, BATCH),
        "naive": parse_example.dataset([str(tmp_path / "n")], features, BATCH),
    }
    expected = _sums(made["ours"])
    for name, dataset in made.items():
        assert drain.count(dataset) == (BATCHES, ROWS), name
        assert _sums(dataset) == expected, name
    two = parse_example.two_files_at_once(files, features, BATCH)
    assert drain.count(two)[1] == ROWS
    assert drain.count(parse_example.dataset(files, features, BATCH, shuffle=100)) == (BATCHES, ROWS)


def _sums(dataset: Any) -> dict[str, int]:
    """A checksum of every column."""
    sums: dict[str, int] = {}
    for features, label in dataset.as_numpy_iterator():
        for name, column in {**features, "label": label}.items():
            content = b"".join(column.tolist()) if column.dtype.kind == "O" else column.tobytes()
            sums[name] = sums.get(name, 0) + sum(content)
    return sums
