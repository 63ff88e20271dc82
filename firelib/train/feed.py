"""What a worker trains and validates on: its shares of the global batches, from any step on."""

from collections.abc import Iterator
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt

from firelib.config import Train
from firelib.tfrecord.order import EpochOrder
from firelib.tfrecord.reader import Dataset


class Feed:
    """The batches of one worker.

    Args:
        dataset: With splits `train` and `validation`.
        settings: Section `train`.
        rank: This worker.
        world_size: Number of workers.

    Attributes:
        steps: Global batches in an epoch; the last one may be short.
    """

    def __init__(self, dataset: Dataset, settings: Train, rank: int, world_size: int) -> None:
        self._dataset, self._settings = dataset, settings
        self._place = {"rank": rank, "world_size": world_size}
        self.steps = self._order(0).steps

    def training(self, epoch: int, position: int) -> Iterator[Any]:
        """For every call that trains, the iterator from which it takes (features, label, weight).

        It begins at a global batch; with `steps_per_execution`, it gives several at once.
        """
        settings = self._settings
        batches = self._dataset.as_tf(
            settings.global_batch_size,
            "train",
            **self._place,
            seed=settings.seed,
            epoch=epoch,
            start_step=position,
            pad_last=True,
        )
        if settings.steps_per_execution > 1:
            batches = batches.batch(settings.steps_per_execution)
        calls = -(-(self.steps - position) // settings.steps_per_execution)
        yield from repeat(iter(batches.with_options(_as_it_is())), calls)

    def validation(self) -> Any:
        """(features, label, weight) of the whole validation split."""
        return self._dataset.as_tf(self._settings.global_batch_size, "validation", **self._place, pad_last=True)

    def rows_of(self, epoch: int, position: int) -> npt.NDArray[np.int64]:
        """Rows of the training split in a global batch, over all workers."""
        return self._order(epoch).batch(position)

    def _order(self, epoch: int) -> EpochOrder:
        split, settings = self._dataset.manifest.split("train"), self._settings
        return EpochOrder(split.rows, settings.global_batch_size, settings.seed, epoch, split.block_rows)


def _as_it_is() -> Any:
    """No search for better settings while training: the reader has chosen them, and the search takes a fifth more."""
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    return options
