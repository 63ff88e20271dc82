"""Load one rank's batches of an epoch: windows of rows in memory, the next window read in advance."""

from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Protocol

import numpy as np
import numpy.typing as npt

from firelib.tfrecord.format.fixed_decoder import Batch
from firelib.tfrecord.read.epoch_order import EpochOrder, Window
from firelib.tfrecord.read.row_ranges import Rows
from firelib.tfrecord.read.shards.hash_check import HashCheck


class LoadedRows(Protocol):
    """Rows in memory."""

    def decode(self, index: Rows, out: Batch) -> Batch:
        """Decode some of the rows.

        Args:
            index: Index of each row to decode, in output order: int64 [batches, rows].
            out: Columns to fill: arrays [batches, rows, *shape], contiguous within a batch.

        Returns:
            The columns that `out` lacks, flat: [batches × rows, *shape].
        """


class Store(Protocol):
    """Rows of a split."""

    rows: int

    def load(self, starts: Rows, stops: Rows) -> LoadedRows:
        """Read ranges of rows into memory.

        Args:
            starts: First row of each range, int64 [ranges].
            stops: The row after the last of each range, int64 [ranges].
        """


class RankBatches:
    """Batches of one rank by step. Several threads may share it.

    Args:
        store: The split's rows.
        order: The order of the epoch.
        rank: This rank.
        world_size: Number of ranks.
        check: Advances with the share of the epoch that has been read, or None.

    Attributes:
        order: The order of the epoch.
    """

    def __init__(
        self, store: Store, order: EpochOrder, rank: int, world_size: int, check: HashCheck | None = None
    ) -> None:
        self.order, self._check = order, check
        self._store, self._rank, self._world_size = store, rank, world_size
        self._windows: dict[int, Future[tuple[Window, LoadedRows]]] = {}
        self._lock = Lock()
        self._prefetcher = ThreadPoolExecutor(1, thread_name_prefix="firelib-read-ahead")

    def chunks(self, start_step: int, rows: int) -> npt.NDArray[np.int64]:
        """Group steps into chunks that are decoded in one call.

        A chunk lies in one window, has one step or at most `rows` rows of this rank, and does not mix a short batch
        with full ones.

        Args:
            start_step: First step.
            rows: Largest number of rows of a chunk, unless one step has more.

        Returns:
            int64 [chunks, 2]: the first step of each chunk, and the step after its last.
        """
        order = self.order
        full = order.rows // order.batch_size
        size = max(1, min(order.window_steps, rows * self._world_size // order.batch_size))
        starts = np.arange(0, order.steps, order.window_steps)[:, None] + np.arange(0, order.window_steps, size)
        edges = np.unique(np.concatenate([starts.ravel(), [start_step, full, order.steps]]))
        edges = edges[(edges >= start_step) & (edges <= order.steps)]
        return np.stack([edges[:-1], edges[1:]], axis=1)

    def load(self, first: int, stop: int) -> tuple[LoadedRows, Rows]:
        """Load this rank's rows of the steps of a chunk.

        Args:
            first: First step.
            stop: The step after the last.

        Returns:
            The loaded rows of the chunk's window, and the index of each row of the chunk in them: int64 [steps, rows].

        Raises:
            FirelibError: A shard cannot be read, or is damaged. The next call tries again.
        """
        index = first // self.order.window_steps
        try:
            window, loaded = self._window(index).result()
        except BaseException:
            with self._lock:
                self._windows.pop(index, None)
            raise
        if self._check:
            self._check.advance(stop / self.order.steps)
        return loaded, window.index[window.step_slice(first, stop)].reshape(stop - first, -1)

    def _window(self, index: int) -> "Future[tuple[Window, LoadedRows]]":
        """Start loading a window and the next one, and drop windows that are no longer needed."""
        with self._lock:
            for wanted in (index, index + 1):
                if wanted not in self._windows and wanted * self.order.window_steps < self.order.steps:
                    self._windows[wanted] = self._prefetcher.submit(self._load, wanted)
            # Two threads may decode chunks on both sides of a boundary, so the previous window is kept.
            for old in [loaded for loaded in self._windows if loaded not in (index - 1, index, index + 1)]:
                del self._windows[old]
            return self._windows[index]

    def _load(self, index: int) -> tuple[Window, LoadedRows]:
        window = self.order.plan_window(index, self._rank, self._world_size)
        return window, self._store.load(window.starts, window.stops)
