"""Batches of consecutive epochs, of which at most two are open at a time."""

from collections.abc import Callable
from threading import Lock

import numpy as np
import numpy.typing as npt

from firelib.console import note
from firelib.tfrecord.read.window_prefetch import RankBatches


class Epochs:
    """The epochs that one `tf.data.Dataset` reads, one after the other.

    Args:
        first: Index of the first epoch.
        count: Number of epochs.
        open_epoch: Opens the batches of an epoch.
        is_shuffled: Whether each epoch has an order of its own.
    """

    def __init__(
        self, first: int, count: int, open_epoch: Callable[[int], RankBatches], is_shuffled: bool = True
    ) -> None:
        self._first, self._count, self._open_epoch = first, count, open_epoch
        self._is_shuffled = is_shuffled
        self._open: dict[int, RankBatches] = {}
        self._starts, self._has_ended, self._noted = 0, False, False  # chunks are read by two threads, in any order
        self._lock = Lock()

    def chunks(self, start_step: int, rows: int) -> npt.NDArray[np.int64]:
        """Chunks of all epochs; see `RankBatches.chunks`.

        Args:
            start_step: First step of the first epoch.
            rows: Largest number of rows of a chunk, unless one step has more.

        Returns:
            int64 [chunks, 3]: the epoch, the first step, and the step after the last.
        """
        batches = self.batches(self._first)
        first = _label(self._first, batches.chunks(start_step, rows))
        others = batches.chunks(0, rows) if self._count > 1 else first[:0, 1:]
        rest = [_label(epoch, others) for epoch in range(self._first + 1, self._first + self._count)]
        self._end = (self._first + self._count - 1, batches.order.steps)
        self._begin = (self._first, start_step)
        return np.concatenate([first, *rest])

    def batches(self, epoch: int) -> RankBatches:
        """The batches of an epoch. Two threads may decode on both sides of an epoch's end."""
        with self._lock:
            if epoch not in self._open:
                self._open[epoch] = self._open_epoch(epoch)
            for old in [each for each in self._open if each not in (epoch - 1, epoch)]:
                del self._open[old]
            return self._open[epoch]

    def read(self, epoch: int, first: int, stop: int) -> RankBatches:
        """The batches of a chunk that is read now. Says once that the same epochs are read again, if they are.

        Args:
            epoch: The epoch.
            first: First step of the chunk.
            stop: The step after the last.
        """
        with self._lock:
            self._starts += (epoch, first) == self._begin
            self._has_ended |= (epoch, stop) == self._end
            is_again = self._starts > 1 and self._has_ended and self._is_shuffled and not self._noted
            self._noted |= is_again
        if is_again:
            note(
                f"note: {self._describe()} read again, in the same order: pass epochs=N to as_tf, and to fit epochs=N "
                f"and steps_per_epoch={self._end[1]}"
            )
        return self.batches(epoch)

    def _describe(self) -> str:
        last = self._first + self._count - 1
        return f"epoch {self._first} is" if self._count == 1 else f"epochs {self._first} to {last} are"


def _label(epoch: int, chunks: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Chunks with their epoch before them."""
    return np.insert(chunks, 0, epoch, axis=1)
