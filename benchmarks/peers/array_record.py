"""ArrayRecord: Google's file format for random access to records, which Grain reads.

It stores bytes, not features: the writer gets Examples that are already serialized (in its favour), and `parse_example`
parses the records that it reads.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers.parse_example import parser
from firelib import Feature

_OPTIONS = "group_size:256,uncompressed"

WRITE_SETTINGS = f"Examples ready-made, {_OPTIONS}"
READ_SETTINGS = f"{_OPTIONS}; ranges of a batch, two at once, parse_example"


def write(path: Path, records: Sequence[bytes]) -> None:
    from array_record.python.array_record_module import ArrayRecordWriter

    writer = ArrayRecordWriter(str(path), _OPTIONS)
    for record in records:
        writer.write(record)
    writer.close()


def dataset(path: Path, features: Sequence[Feature], batch: int) -> Any:
    """Read batches of (features, label)."""
    import numpy as np
    import tensorflow as tf
    from array_record.python.array_record_module import ArrayRecordReader

    reader = ArrayRecordReader(str(path))
    rows = reader.num_records()

    def load(start: Any) -> Any:
        return np.array(reader.read(int(start), min(int(start) + batch, rows)), object)

    def records(start: Any) -> Any:
        loaded = tf.numpy_function(load, [start], tf.string, stateful=False)
        loaded.set_shape((None,))
        return loaded

    starts = tf.data.Dataset.range(0, rows, batch)
    batches = starts.map(records, num_parallel_calls=2)
    return batches.map(parser(features), num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
