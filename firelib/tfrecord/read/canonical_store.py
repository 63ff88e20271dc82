"""Load rows of a split in the canonical layout: a row's offset comes from its shard's index."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from firelib.errors import FirelibError
from firelib.recipe import Feature
from firelib.tfrecord.format.canonical.decoder import CanonicalDecoder
from firelib.tfrecord.format.column_conversion import to_dense
from firelib.tfrecord.format.example_parser import RecordError, parse_examples
from firelib.tfrecord.format.fixed_decoder import Batch
from firelib.tfrecord.format.framing import FOOTER_BYTES, HEADER_BYTES
from firelib.tfrecord.kernels.crc32c import find_damaged
from firelib.tfrecord.read.buffer_pool import BufferPool
from firelib.tfrecord.read.row_ranges import Rows, split_by_shard
from firelib.tfrecord.read.shards.remote_shards import FetchedRanges
from firelib.tfrecord.read.shards.shard_files import ShardFiles


class CanonicalStore:
    """Rows of one split in the canonical layout. Every record that is read is checked against its CRC.

    Args:
        files: The split's shards.
        features: The features of a record.

    Attributes:
        rows: Rows of the split.
    """

    def __init__(self, files: ShardFiles, features: Sequence[Feature]) -> None:
        self._files, self._features = files, features
        self._decoder = CanonicalDecoder(features) if CanonicalDecoder.can_decode(features) else None
        self._pool = BufferPool()
        self._offsets: dict[int, Rows] = {}
        self.rows = int(files.row_starts[-1])

    def load(self, starts: Rows, stops: Rows) -> "LoadedCanonicalRows":
        """Read ranges of rows into memory.

        Args:
            starts: First row of each range, int64 [ranges].
            stops: The row after the last of each range, int64 [ranges].

        Raises:
            FirelibError: A shard or an index is missing or damaged.
        """
        pieces = split_by_shard(self._files.row_starts, starts, stops)
        offsets = [self._shard_offsets(shard)[first : last + 1] for shard, first, last in pieces]
        sizes = [int(each[-1] - each[0]) for each in offsets]
        targets = np.cumsum([0, *sizes])
        buffer = self._pool.empty(int(targets[-1]))
        ranges = [(piece[0], int(each[0]), int(each[-1])) for piece, each in zip(pieces, offsets, strict=True)]
        fetched = self._files.fetch(ranges)
        for (shard, first, _), each, target in zip(pieces, offsets, targets[:-1].tolist(), strict=True):
            self._read(shard, first, each, buffer[target : target + int(each[-1] - each[0])], fetched)
        moved = [each - each[0] + target for each, target in zip(offsets, targets[:-1], strict=True)]
        none = np.empty(0, np.int64)
        begins = np.concatenate([none, *(each[:-1] for each in moved)])
        ends = np.concatenate([none, *(each[1:] for each in moved)])
        origins = [(self._files.uri(shard), first, last - first) for shard, first, last in pieces]
        return LoadedCanonicalRows(buffer, begins, ends, self._features, self._decoder, origins)

    def _read(self, shard: int, first: int, offsets: Rows, out: npt.NDArray[np.uint8], fetched: FetchedRanges) -> None:
        """Read and verify the records between a shard's offsets; `first` is the first record's index in the shard."""
        self._files.read_into(shard, int(offsets[0]), out, fetched)
        damaged = find_damaged(out.ctypes.data, offsets[:-1] - offsets[0], offsets[1:] - offsets[0])
        if damaged >= 0:
            raise FirelibError(
                f"record {first + damaged} is damaged: its CRC does not match",
                where=self._files.uri(shard),
                remedy=self._files.remedy,
            )

    def _shard_offsets(self, shard: int) -> Rows:
        if shard not in self._offsets:
            self._offsets[shard] = self._files.offsets(shard)
        return self._offsets[shard]


class LoadedCanonicalRows:
    """Framed records in memory, with the offset of each, and where they come from: URI, first record, records."""

    def __init__(
        self,
        buffer: npt.NDArray[np.uint8],
        begins: Rows,
        ends: Rows,
        features: Sequence[Feature],
        decoder: CanonicalDecoder | None,
        origins: Sequence[tuple[str, int, int]],
    ) -> None:
        self._buffer, self._features, self._decoder, self._origins = buffer, features, decoder, origins
        self._begins, self._ends = begins + HEADER_BYTES, ends - FOOTER_BYTES

    def decode(self, index: Rows, out: Batch) -> Batch:
        """Decode some of the loaded rows; see `window_prefetch.LoadedRows.decode`."""
        decoder = self._decoder
        columns = decoder.decode(self._buffer, self._begins, self._ends, index, out) if decoder else None
        return self._parse(index.ravel(), out) if columns is None else columns

    def _parse(self, flat: Rows, out: Batch) -> Batch:
        """Decode records of any encoding, and name the first that does not hold what was declared."""
        try:
            columns = parse_examples(self._buffer, self._begins[flat], self._ends[flat], self._features)
        except RecordError as error:
            raise self._locate(error, flat) from None
        for feature in self._features:
            if feature.name in out:
                column = out[feature.name]
                column[...] = to_dense(columns.pop(feature.name), feature).reshape(column.shape)
        return columns

    def _locate(self, error: RecordError, index: Rows) -> FirelibError:
        """Name the file and the record of an error."""
        if error.row is None:
            return error
        row = int(index[error.row])
        feature = f" ({error.where})" if error.where else ""
        for uri, first, rows in self._origins:
            if row < rows:
                where = f"record {first + row} of {uri}{feature}"
                return FirelibError(error.what, where=where, remedy=error.remedy)
            row -= rows
        raise AssertionError("a decoded row has been loaded")
