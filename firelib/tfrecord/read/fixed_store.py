"""Rows of a split by number: which bytes of which shards hold them, read in few ranges."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from firelib.tfrecord.format.fixed_decoder import Batch, take
from firelib.tfrecord.format.fixed_layout import FixedLayout
from firelib.tfrecord.format.framing import framed_bytes, verify
from firelib.tfrecord.read.buffer_pool import MemoryPool
from firelib.tfrecord.read.shard_files import ShardFiles

Rows = npt.NDArray[np.int64]


def pieces(shard_starts: Rows, starts: Rows, stops: Rows) -> list[tuple[int, int, int]]:
    """Ranges of rows of a split as ranges of its shards.

    Args:
        shard_starts: First row of each shard, and the number of rows of the split.
        starts: First row of each range.
        stops: The row after its last.

    Returns:
        For each piece the shard, its first row there, and the row after its last.
    """
    bounds = zip(starts.tolist(), stops.tolist(), strict=True)
    return [piece for start, stop in bounds for piece in _pieces(shard_starts, start, stop)]


def _pieces(shard_starts: Rows, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
    shard = int(np.searchsorted(shard_starts, start, side="right")) - 1
    while start < stop:
        begin, end = int(shard_starts[shard]), min(stop, int(shard_starts[shard + 1]))
        if start < end:
            yield shard, start - begin, end - begin
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
        self._pool = MemoryPool()
        self.rows = int(self._starts[-1])

    def load(self, starts: Rows, stops: Rows) -> "LoadedFixed":
        """Read the frames of some ranges of rows."""
        buffer = self._pool.empty(int((stops - starts).sum()) * self._frame)
        found = pieces(self._starts, starts, stops)
        held = self._files.fetch([(shard, first * self._frame, last * self._frame) for shard, first, last in found])
        place = 0
        for shard, first, last in found:
            block = buffer[place : place + (last - first) * self._frame]
            self._files.read_into(shard, first * self._frame, block, held)
            verify(block, self._layout.record_bytes, self._files.uri(shard), first)
            place += block.size
        return LoadedFixed(buffer, self._layout)


class LoadedFixed:
    """Frames in memory."""

    def __init__(self, frames: npt.NDArray[np.uint8], layout: FixedLayout) -> None:
        self._frames, self._layout = frames, layout

    def take(self, places: Rows, out: Batch) -> Batch:
        """`decode.take` of some of the loaded rows."""
        return take(self._frames, places, self._layout, out)
