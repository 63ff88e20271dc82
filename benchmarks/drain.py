"""Two ways to empty a `tf.data.Dataset`.

`inside` skips all batches but one, as tf.data's own benchmarks do: TensorFlow's C++ asks for one batch after the other,
which costs next to nothing, so what is measured is the pipeline. `looped` is a Python loop over eager batches, as a
training loop without `tf.function` does it; its own 50 to 300 microseconds a batch come on top.
"""

from collections.abc import Callable
from typing import Any


def count(dataset: Any) -> tuple[int, int]:
    """Batches, and rows in them; every batch is made and looked at."""
    import tensorflow as tf

    def add(counts: Any, batch: Any) -> Any:
        rows = tf.shape(tf.nest.flatten(batch)[0], out_type=tf.int64)[0]
        return counts[0] + 1, counts[1] + rows

    batches, rows = dataset.reduce((tf.constant(0, tf.int64), tf.constant(0, tf.int64)), add)
    return int(batches), int(rows)


def inside(dataset: Any, batches: int) -> Callable[[], None]:
    """A function that empties the dataset inside TensorFlow.

    The dataset should end with `prefetch`, which has no short cut for skipping, and neither has what is before it.
    """
    last = dataset.skip(batches - 1)

    def drain() -> None:
        next(iter(last))

    return drain


def looped(dataset: Any) -> Callable[[], None]:
    """A function that empties the dataset into Python's hands."""

    def drain() -> None:
        for _ in dataset:
            pass

    return drain
