"""One rank's batches of an epoch: windows of rows in memory, the next one read ahead."""

from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Protocol

import numpy as np
import numpy.typing as npt

from firelib.tfrecord.decode import Batch
from firelib.tfrecord.order import EpochOrder, Rows

_CHUNK_ROWS = 4096  # fewer cost Python calls, more leave the cache


class Loaded(Protocol):
    """Rows in memory."""

    def take(self, rows: Rows) -> Batch:
        """Columns of some of them, in the order given."""


class Store(Protocol):
    """Where rows come from."""

    rows: int

    def load(self, rows: Rows, gap: int) -> Loaded:
        """Read some rows; holes shorter than `gap` may be read along."""


class RankBatches:
    """Batches by step, for several threads at once.

    Attributes:
        order: The epoch's order.
    """

    def __init__(self, store: Store, order: EpochOrder, rank: int, world_size: int) -> None:
        self.order = order
        self._store, self._rank, self._world_size = store, rank, world_size
        self._windows: dict[int, Future[Loaded | None]] = {}
        self._lock = Lock()
        self._ahead = ThreadPoolExecutor(1, thread_name_prefix="firelib-read-ahead")

    def chunks(self, start_step: int, together: bool = True) -> npt.NDArray[np.int64]:
        """Steps to decode together: [chunks, 2], first step and the one after the last.

        A chunk lies in one window, is small enough for the cache, and does not mix a short batch with full ones.
        """
        order = self.order
        full = order.rows // order.batch_size
        size = max(1, min(order.window_steps, _CHUNK_ROWS * self._world_size // order.batch_size)) if together else 1
        starts = np.arange(0, order.steps, order.window_steps)[:, None] + np.arange(0, order.window_steps, size)
        edges = np.unique(np.concatenate([starts.ravel(), [start_step, full, order.steps]]))
        edges = edges[(edges >= start_step) & (edges <= order.steps)]
        return np.stack([edges[:-1], edges[1:]], axis=1)

    def columns(self, first: int, stop: int) -> Batch | None:
        """This rank's rows of the global batches of a chunk, one behind the other; None if it has none of them."""
        window = self._window(first // self.order.window_steps).result()
        rows = self._share(range(first, stop))
        return window.take(rows) if window is not None and len(rows) else None

    def _share(self, steps: range) -> Rows:
        return np.concatenate([self.order.share(step, self._rank, self._world_size) for step in steps])

    def _window(self, index: int) -> "Future[Loaded | None]":
        with self._lock:
            for wanted in (index, index + 1):
                if wanted not in self._windows and wanted * self.order.window_steps < self.order.steps:
                    self._windows[wanted] = self._ahead.submit(self._load, wanted)
            for old in [held for held in self._windows if held not in (index - 1, index, index + 1)]:
                del self._windows[old]
            return self._windows[index]

    def _load(self, index: int) -> Loaded | None:
        first = index * self.order.window_steps
        batches = range(first, min(first + self.order.window_steps, self.order.steps))
        rows = self._share(batches)
        return self._store.load(rows, self.order.block_rows) if len(rows) else None
