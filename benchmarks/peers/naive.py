"""The way of most tutorials: one `tf.train.Example` per row in Python."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

SETTINGS = "an Example a row, TFRecordWriter"


def write(path: Path, columns: Mapping[str, Any], rows: int) -> None:
    import tensorflow as tf

    with tf.io.TFRecordWriter(str(path)) as writer:
        for row in range(rows):
            features = {name: _feature(column[row]) for name, column in columns.items()}
            writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())


def _feature(value: Any) -> Any:
    import tensorflow as tf

    if isinstance(value, str | np.ndarray):
        content = value.encode() if isinstance(value, str) else value.tobytes()
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[content]))
    if isinstance(value, np.floating):
        return tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
