"""One rank's batches of an epoch: windows of rows in memory, the next one read ahead."""

from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Protocol

import numpy as np

from firelib.tfrecord.decode import Batch
from firelib.tfrecord.order import EpochOrder, Rows


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

    def columns(self, step: int) -> Batch | None:
        """This rank's rows of a global batch; None if it has none of them."""
        window = self._window(step // self.order.window_steps).result()
        rows = self.order.share(step, self._rank, self._world_size)
        return window.take(rows) if window is not None and len(rows) else None

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
        shares = [self.order.share(step, self._rank, self._world_size) for step in batches]
        rows = np.concatenate(shares)
        return self._store.load(rows, self.order.block_rows) if len(rows) else None
