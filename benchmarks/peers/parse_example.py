"""tf.data with the best tuning: parse whole batches at once, in parallel."""

from collections.abc import Sequence
from typing import Any

from firelib import Feature
from firelib.tfrecord.format.fixed_layout import list_kind

SETTINGS = "1 MiB buffer, batch, parse_example AUTOTUNE, prefetch"

_BUFFER = 1 << 20


def dataset(files: Sequence[str], features: Sequence[Feature], batch: int, shuffle: int = 0) -> Any:
    """Read batches of (features, label), with a shuffle buffer of `shuffle` records (none if 0)."""
    import tensorflow as tf

    records = tf.data.TFRecordDataset(list(files), buffer_size=_BUFFER)
    if shuffle:
        records = records.shuffle(shuffle)
    batches = records.batch(batch).map(parser(features), num_parallel_calls=tf.data.AUTOTUNE)
    return batches.prefetch(tf.data.AUTOTUNE)


def two_files_at_once(files: Sequence[str], features: Sequence[Feature], batch: int) -> Any:
    """Read batches of (features, label) from two files in parallel, in any order; a batch comes from one file."""
    import tensorflow as tf

    def of_file(file: Any) -> Any:
        return tf.data.TFRecordDataset(file, buffer_size=_BUFFER).batch(batch)

    batches = tf.data.Dataset.from_tensor_slices(list(files)).interleave(
        of_file, cycle_length=2, num_parallel_calls=2, deterministic=False
    )
    return batches.map(parser(features), num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def parser(features: Sequence[Feature]) -> Any:
    """Return a function that parses a vector of serialized Examples."""
    import tensorflow as tf

    dtypes = {"bytes": tf.string, "float": tf.float32, "int64": tf.int64}
    spec = {feature.name: tf.io.FixedLenFeature((), dtypes[list_kind(feature)]) for feature in features}

    def parse(records: Any) -> Any:
        parsed = tf.io.parse_example(records, spec)
        for feature in features:
            if feature.shape:
                flat = tf.io.decode_raw(parsed[feature.name], tf.uint8)
                parsed[feature.name] = tf.reshape(flat, (-1, *feature.shape))
        label = parsed.pop("label")
        return parsed, label

    return parse
