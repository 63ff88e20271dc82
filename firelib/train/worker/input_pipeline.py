"""What a worker trains and validates on: its shares of the global batches, from any step on."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from firelib.config import Train
from firelib.tfrecord.read.dataset import Dataset
from firelib.tfrecord.read.epoch_order import EpochOrder

_CALLS_AHEAD = 32
#: An epoch, and its iterator in the making.
_NOTHING: tuple[int, Future[Any]] = (-1, Future())


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
        self._place: dict[str, Any] = {"rank": rank, "world_size": world_size}
        self.steps = self._order(0).steps
        self._ahead = ThreadPoolExecutor(1, thread_name_prefix="firelib-next-epoch")
        self._coming = _NOTHING

    def training(self, epoch: int, position: int) -> Iterator[Any]:
        """For every call that trains, the iterator from which it takes a packed batch (`Dataset.unpack`).

        It begins at a global batch; with `steps_per_execution`, it gives several at once. That of the next epoch is
        made before this one ends: otherwise every epoch begins with waiting.
        """
        batches = self._begun(epoch, position)
        calls = -(-(self.steps - position) // self._settings.steps_per_execution)
        for left in range(calls, 0, -1):
            if left == min(calls, _CALLS_AHEAD) and epoch + 1 < self._settings.epochs:
                self._coming = (epoch + 1, self._ahead.submit(self._batches, epoch + 1, 0))
            yield batches

    def _begun(self, epoch: int, position: int) -> Any:
        (coming, batches), self._coming = self._coming, _NOTHING
        return batches.result() if (epoch, position) == (coming, 0) else self._batches(epoch, position)

    def _batches(self, epoch: int, position: int) -> Any:
        """The iterator of an epoch, which reads its first batches at once."""
        settings = self._settings
        batches = self._dataset.as_tf(
            settings.global_batch_size,
            "train",
            **self._place,
            seed=settings.seed,
            epoch=epoch,
            start_step=position,
            pad_last=True,
            packed=True,
        )
        if settings.steps_per_execution > 1:
            batches = batches.batch(settings.steps_per_execution).prefetch(1)
        return iter(batches.with_options(reading_options()))

    def validation(self) -> Any:
        """(features, label, weight) of the whole validation split."""
        return self._dataset.as_tf(self._settings.global_batch_size, "validation", **self._place, pad_last=True)

    def rows_of(self, epoch: int, position: int) -> npt.NDArray[np.int64]:
        """Rows of the training split in a global batch, over all workers."""
        return self._order(epoch).batch(position)

    def _order(self, epoch: int) -> EpochOrder:
        split, settings = self._dataset.manifest.split("train"), self._settings
        return EpochOrder(split.rows, settings.global_batch_size, settings.seed, epoch, split.block_rows)


def reading_options() -> Any:
    """No search for better settings while training: the reader has chosen them, and the search takes a fifth more."""
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_warm_start = True
    return options
