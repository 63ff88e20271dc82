"""The batches that a worker trains and validates on: its shares of the global batches, from any step on.

Three layers prefetch, so that training does not wait for data:

1. The reader decodes chunks of batches in parallel and prefetches two batches (`Dataset.as_tf`).
2. With `train.steps_per_execution` > 1, one group of batches is prefetched on top of it (`_open_epoch`).
3. Near the end of an epoch, a background thread opens the next epoch's iterator (`training_batches`). TensorFlow
   starts to fill its buffers when the iterator is created (`experimental_warm_start`), so an epoch starts without a
   stall.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from firelib.config import Train
from firelib.tfrecord.read.dataset import Dataset
from firelib.tfrecord.read.epoch_order import EpochOrder
from firelib.train.keras_types import Tensor

_PREFETCH_CALLS = 32  # the next epoch is opened this many calls before the current one ends


class InputPipeline:
    """The batches of one worker.

    Args:
        dataset: Dataset with splits `train` and `validation`.
        settings: Section `train`.
        rank: Rank of this worker.
        world_size: Number of workers.

    Attributes:
        steps: Global batches in an epoch; the last one may be short.
    """

    def __init__(self, dataset: Dataset, settings: Train, rank: int, world_size: int) -> None:
        self._dataset, self._settings, self._rank, self._world_size = dataset, settings, rank, world_size
        self.steps = self._order(0).steps
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="firelib-next-epoch")
        self._next_epoch: tuple[int, Future[Iterator[Tensor]]] | None = None

    def training_batches(self, epoch: int, position: int) -> Iterator[Iterator[Tensor]]:
        """Yield, for every call of the train step, the iterator that the call takes its batch from.

        A batch is packed (`Dataset.unpack`). With `steps_per_execution`, it holds several global batches.

        Args:
            epoch: The epoch, counted from 0.
            position: First global batch, counted from 0.

        Yields:
            An iterator of a `tf.data.Dataset`, the same one every time.
        """
        prefetched = self._take_prefetched(epoch, position)
        batches = self._open_epoch(epoch, position) if prefetched is None else prefetched
        calls = -(-(self.steps - position) // self._settings.steps_per_execution)
        for left in range(calls, 0, -1):
            if left == min(calls, _PREFETCH_CALLS) and epoch + 1 < self._settings.epochs:
                self._next_epoch = (epoch + 1, self._pool.submit(self._open_epoch, epoch + 1, 0))
            yield batches

    def _take_prefetched(self, epoch: int, position: int) -> Iterator[Tensor] | None:
        """The iterator that the background thread has opened, if it belongs to this epoch and starts here."""
        prefetched, self._next_epoch = self._next_epoch, None
        return prefetched[1].result() if prefetched and (epoch, position) == (prefetched[0], 0) else None

    def _open_epoch(self, epoch: int, position: int) -> Iterator[Tensor]:
        """Create the iterator of an epoch, which starts to read at once."""
        settings = self._settings
        batches: Any = self._dataset.as_tf(
            settings.global_batch_size,
            "train",
            rank=self._rank,
            world_size=self._world_size,
            seed=settings.seed,
            epoch=epoch,
            start_step=position,
            pad_last=True,
            packed=True,
        )
        if settings.steps_per_execution > 1:
            batches = batches.batch(settings.steps_per_execution).prefetch(1)
        return iter(batches.with_options(build_reader_options()))

    def validation_batches(self) -> Any:
        """A `tf.data.Dataset` of (features, label, weights): this worker's rows of the validation split."""
        return self._dataset.as_tf(
            self._settings.global_batch_size,
            "validation",
            rank=self._rank,
            world_size=self._world_size,
            pad_last=True,
        )

    def row_indices(self, epoch: int, position: int) -> npt.NDArray[np.int64]:
        """Indices of the rows of a global batch in the training split, over all workers: int64 [rows].

        Args:
            epoch: The epoch, counted from 0.
            position: The global batch, counted from 0.
        """
        return self._order(epoch).batch(position)

    def _order(self, epoch: int) -> EpochOrder:
        split, settings = self._dataset.manifest.split("train"), self._settings
        return EpochOrder(split.rows, settings.global_batch_size, settings.seed, epoch, split.block_rows)


def build_reader_options() -> Any:
    """Options for `tf.data`: no autotuning, which costs a fifth more time than the reader's fixed settings."""
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_warm_start = True
    return options
