"""One rank's batches of an epoch: windows of rows in memory, the next one read ahead."""

from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Protocol

import numpy as np
import numpy.typing as npt

from firelib.tfrecord.format.fixed_decoder import Batch
from firelib.tfrecord.read.epoch_order import EpochOrder, Rows, Window


class Loaded(Protocol):
    """Rows in memory."""

    def take(self, places: Rows, out: Batch) -> Batch:
        """Columns of some of them; see `decode.take`."""


class Store(Protocol):
    """Where rows come from."""

    rows: int

    def load(self, starts: Rows, stops: Rows) -> Loaded:
        """Read some ranges of rows."""


class RankBatches:
    """Batches by step, for several threads at once.

    Attributes:
        order: The epoch's order.
    """

    def __init__(self, store: Store, order: EpochOrder, rank: int, world_size: int) -> None:
        self.order = order
        self._store, self._rank, self._world_size = store, rank, world_size
        self._windows: dict[int, Future[tuple[Window, Loaded]]] = {}
        self._lock = Lock()
        self._ahead = ThreadPoolExecutor(1, thread_name_prefix="firelib-read-ahead")

    def chunks(self, start_step: int, rows: int) -> npt.NDArray[np.int64]:
        """Steps to decode together: [chunks, 2], first step and the one after the last.

        A chunk lies in one window, has one step or at most `rows` rows of this rank, and does not mix a short batch
        with full ones.
        """
        order = self.order
        full = order.rows // order.batch_size
        size = max(1, min(order.window_steps, rows * self._world_size // order.batch_size))
        starts = np.arange(0, order.steps, order.window_steps)[:, None] + np.arange(0, order.window_steps, size)
        edges = np.unique(np.concatenate([starts.ravel(), [start_step, full, order.steps]]))
        edges = edges[(edges >= start_step) & (edges <= order.steps)]
        return np.stack([edges[:-1], edges[1:]], axis=1)

    def load(self, first: int, stop: int) -> tuple[Loaded, Rows]:
        """This rank's rows of the global batches of a chunk: memory that holds them, and their places in it.

        Returns:
            The memory, and places [steps, rows].
        """
        window, loaded = self._window(first // self.order.window_steps).result()
        return loaded, window.places[window.of(first, stop)].reshape(stop - first, -1)

    def _window(self, index: int) -> "Future[tuple[Window, Loaded]]":
        with self._lock:
            for wanted in (index, index + 1):
                if wanted not in self._windows and wanted * self.order.window_steps < self.order.steps:
                    self._windows[wanted] = self._ahead.submit(self._load, wanted)
            for old in [held for held in self._windows if held not in (index - 1, index, index + 1)]:
                del self._windows[old]
            return self._windows[index]

    def _load(self, index: int) -> tuple[Window, Loaded]:
        window = self.order.plan_window(index, self._rank, self._world_size)
        return window, self._store.load(window.starts, window.stops)
