"""Load rows of a split in the fixed layout: a row's offset follows from its number."""

import numpy as np
import numpy.typing as npt

from firelib.tfrecord.format.fixed_decoder import Batch, decode_rows
from firelib.tfrecord.format.fixed_layout import FixedLayout
from firelib.tfrecord.format.framing import framed_bytes, verify_frames
from firelib.tfrecord.read.buffer_pool import BufferPool
from firelib.tfrecord.read.row_ranges import Rows, split_by_shard
from firelib.tfrecord.read.shards.shard_files import ShardFiles


class FixedStore:
    """Rows of one split in the fixed layout. Every record that is read is checked against its CRC.

    Args:
        files: The split's shards.
        layout: The dataset's layout.

    Attributes:
        rows: Rows of the split.
    """

    def __init__(self, files: ShardFiles, layout: FixedLayout) -> None:
        self._files, self._layout = files, layout
        self._frame_bytes = framed_bytes(layout.record_bytes)
        self._pool = BufferPool()
        self.rows = int(files.row_starts[-1])

    def load(self, starts: Rows, stops: Rows) -> "LoadedFixedRows":
        """Read ranges of rows into memory.

        Args:
            starts: First row of each range, int64 [ranges].
            stops: The row after the last of each range, int64 [ranges].

        Raises:
            FirelibError: A shard is missing or damaged.
        """
        size = self._frame_bytes
        buffer = self._pool.empty(int((stops - starts).sum()) * size)
        pieces = split_by_shard(self._files.row_starts, starts, stops)
        fetched = self._files.fetch([(shard, first * size, last * size) for shard, first, last in pieces])
        offset = 0
        for shard, first, last in pieces:
            block = buffer[offset : offset + (last - first) * size]
            self._files.read_into(shard, first * size, block, fetched)
            verify_frames(block, self._layout.record_bytes, self._files.uri(shard), first)
            offset += block.size
        return LoadedFixedRows(buffer, self._layout)


class LoadedFixedRows:
    """Framed records in memory."""

    def __init__(self, frames: npt.NDArray[np.uint8], layout: FixedLayout) -> None:
        self._frames, self._layout = frames, layout

    def decode(self, index: Rows, out: Batch) -> Batch:
        """Decode some of the loaded rows; see `window_prefetch.LoadedRows.decode`."""
        return decode_rows(self._frames, index, self._layout, out)
