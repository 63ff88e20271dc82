"""Rows of a split in the canonical layout: their places come from each shard's index."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from firelib.errors import FirelibError
from firelib.recipe import Feature
from firelib.tfrecord.format.column_conversion import dense
from firelib.tfrecord.format.example_parser import parse
from firelib.tfrecord.format.fixed_decoder import Batch
from firelib.tfrecord.format.framing import FOOTER_BYTES, HEADER_BYTES
from firelib.tfrecord.format.shard_checks import REMEDY
from firelib.tfrecord.kernels.crc32c import first_damaged_of
from firelib.tfrecord.read.fixed_store import Rows, pieces
from firelib.tfrecord.read.remote_shards import Held
from firelib.tfrecord.read.shard_files import ShardFiles


class CanonicalStore:
    """Records of any length. Every one that is read is checked against its CRC.

    Attributes:
        rows: Rows of the split.
    """

    def __init__(self, files: ShardFiles, features: Sequence[Feature]) -> None:
        self._files, self._features = files, features
        self._starts = np.cumsum([0, *(shard.rows for shard in files.shards)])
        self._indices: dict[int, Rows] = {}
        self.rows = int(self._starts[-1])

    def load(self, starts: Rows, stops: Rows) -> "LoadedCanonical":
        """Read the records of some ranges of rows."""
        found = pieces(self._starts, starts, stops)
        indices = [self._index(shard)[first : last + 1] for shard, first, last in found]
        sizes = [int(index[-1] - index[0]) for index in indices]
        places = np.cumsum([0, *sizes])
        buffer = np.empty(places[-1], np.uint8)
        ranges = [(piece[0], int(index[0]), int(index[-1])) for piece, index in zip(found, indices, strict=True)]
        held = self._files.fetch(ranges)
        for (shard, first, _), index, place in zip(found, indices, places[:-1].tolist(), strict=True):
            self._read(shard, first, index, buffer[place : place + int(index[-1] - index[0])], held)
        moved = [index - index[0] + place for index, place in zip(indices, places[:-1], strict=True)]
        none = np.empty(0, np.int64)
        begins, ends = (
            np.concatenate([none, *(ix[:-1] for ix in moved)]),
            np.concatenate([none, *(ix[1:] for ix in moved)]),
        )
        return LoadedCanonical(buffer, begins, ends, self._features)

    def _read(self, shard: int, first: int, index: Rows, out: npt.NDArray[np.uint8], held: Held) -> None:
        self._files.read_into(shard, int(index[0]), out, held)
        damaged = first_damaged_of(out.ctypes.data, index[:-1] - index[0], index[1:] - index[0])
        if damaged >= 0:
            raise FirelibError(
                f"record {first + damaged} is damaged: its CRC does not match",
                where=self._files.uri(shard),
                remedy=REMEDY,
            )

    def _index(self, shard: int) -> Rows:
        if shard not in self._indices:
            self._indices[shard] = self._files.offsets(shard)
        return self._indices[shard]


class LoadedCanonical:
    """Records in memory."""

    def __init__(self, buffer: npt.NDArray[np.uint8], begins: Rows, ends: Rows, features: Sequence[Feature]) -> None:
        self._buffer, self._features = buffer, features
        self._begins, self._ends = begins + HEADER_BYTES, ends - FOOTER_BYTES

    def take(self, places: Rows, out: Batch) -> Batch:
        """Columns of some of the loaded rows; places, `out` and result as in `decode.take`."""
        flat = places.ravel()
        columns = parse(self._buffer, self._begins[flat], self._ends[flat], self._features)
        for feature in self._features:
            if feature.name in out:
                column = out[feature.name]
                column[...] = dense(columns.pop(feature.name), feature).reshape(column.shape)
        return columns
