"""Two ways to iterate over a `tf.data.Dataset`.

`inside` skips all batches but the last, like tf.data's own benchmarks: TensorFlow's C++ requests the batches, at almost
no cost, so that the time is that of the pipeline. `looped` iterates over eager batches in Python, like a training loop
without `tf.function`, which adds 50 to 300 microseconds per batch.
"""

from collections.abc import Callable
from typing import Any


def count(dataset: Any) -> tuple[int, int]:
    """Count the batches and their rows; every batch is produced and read."""
    import tensorflow as tf

    def add(counts: Any, batch: Any) -> Any:
        rows = tf.shape(tf.nest.flatten(batch)[0], out_type=tf.int64)[0]
        return counts[0] + 1, counts[1] + rows

    batches, rows = dataset.reduce((tf.constant(0, tf.int64), tf.constant(0, tf.int64)), add)
    return int(batches), int(rows)


def inside(dataset: Any, batches: int) -> Callable[[], None]:
    """Return a function that iterates inside TensorFlow.

    The dataset should end with `prefetch`: neither it nor the stages before it can skip batches without producing them.
    """
    last = dataset.skip(batches - 1)

    def drain() -> None:
        next(iter(last))

    return drain


def looped(dataset: Any) -> Callable[[], None]:
    """Return a function that iterates in Python."""

    def drain() -> None:
        for _ in dataset:
            pass

    return drain
