"""Rows of a split by number: which bytes of which shards hold them, read in few ranges."""

from collections.abc import Iterator
from dataclasses import dataclass
from threading import Lock

import numpy as np
import numpy.typing as npt

from firelib.tfrecord.decode import Batch, take
from firelib.tfrecord.files import ShardFiles
from firelib.tfrecord.framing import framed_bytes, verify
from firelib.tfrecord.layout import FixedLayout

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Runs:
    """Consecutive rows that are read together.

    Attributes:
        starts: First row of each run, ascending.
        stops: The row after its last.
    """

    starts: Rows
    stops: Rows

    @classmethod
    def covering(cls, rows: Rows, gap: int) -> "Runs":
        """The runs that hold some rows; holes shorter than `gap` rows are read along."""
        rows = np.sort(rows)
        breaks = np.flatnonzero(np.diff(rows) > gap)
        return cls(rows[np.r_[0, breaks + 1]], rows[np.r_[breaks, len(rows) - 1]] + 1)

    @property
    def rows(self) -> int:
        return int((self.stops - self.starts).sum())

    def places(self, rows: Rows) -> Rows:
        """Where rows lie when the runs stand one behind the other."""
        before = np.cumsum(self.stops - self.starts) - (self.stops - self.starts)
        run = np.searchsorted(self.starts, rows, side="right") - 1
        places: Rows = before[run] + rows - self.starts[run]
        return places


def pieces(starts: Rows, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """(shard, its first row, the row after its last) for rows of the split; `starts` says where shards begin."""
    shard = int(np.searchsorted(starts, start, side="right")) - 1
    while start < stop:
        end = min(stop, int(starts[shard + 1]))
        if start < end:
            yield shard, start - int(starts[shard]), end - int(starts[shard])
        start, shard = end, shard + 1


class FixedStore:
    """Rows of one split in the fixed layout. Every record that is read is checked against its CRC.

    Attributes:
        rows: Rows of the split.
    """

    def __init__(self, files: ShardFiles, layout: FixedLayout) -> None:
        self._files, self._layout = files, layout
        self._frame = framed_bytes(layout.record_bytes)
        self._starts = np.cumsum([0, *(shard.rows for shard in files.shards)])
        self._pool: list[npt.NDArray[np.uint8]] = []
        self._lock = Lock()
        self.rows = int(self._starts[-1])

    def load(self, rows: Rows, gap: int) -> "LoadedFixed":
        """Read the frames of some rows (at least one)."""
        runs = Runs.covering(rows, gap)
        buffer = self._buffer(runs.rows * self._frame)
        place = 0
        for start, stop in zip(runs.starts.tolist(), runs.stops.tolist(), strict=True):
            for shard, first, last in pieces(self._starts, start, stop):
                block = buffer[place : place + (last - first) * self._frame]
                self._files.read_into(shard, first * self._frame, block)
                verify(block, self._layout.record_bytes, self._files.uri(shard), first)
                place += block.size
        return LoadedFixed(self, buffer, runs, self._layout)

    def _buffer(self, size: int) -> npt.NDArray[np.uint8]:
        """Memory that was used before, if it suffices: new pages cost as much as reading them full."""
        with self._lock:
            for place, buffer in enumerate(self._pool):
                if buffer.size >= size:
                    return self._pool.pop(place)
            self._pool.clear()
        return np.empty(size, np.uint8)

    def give_back(self, buffer: npt.NDArray[np.uint8]) -> None:
        with self._lock:
            self._pool.append(buffer)


class LoadedFixed:
    """Frames in memory; the memory is used again once this is gone."""

    def __init__(self, store: FixedStore, buffer: npt.NDArray[np.uint8], runs: Runs, layout: FixedLayout) -> None:
        self._store, self._buffer, self._runs, self._layout = store, buffer, runs, layout

    def __del__(self) -> None:
        self._store.give_back(self._buffer)

    def take(self, rows: Rows) -> Batch:
        """Columns of some of the loaded rows, in the order given."""
        return take(self._buffer, self._runs.places(rows), self._layout)
