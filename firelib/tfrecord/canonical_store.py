"""Rows of a split in the canonical layout: their places come from each shard's index."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from firelib.errors import FirelibError
from firelib.recipe import Feature
from firelib.tfrecord.crc import first_damaged_of
from firelib.tfrecord.decode import Batch
from firelib.tfrecord.files import REMEDY, ShardFiles
from firelib.tfrecord.framing import FOOTER_BYTES, HEADER_BYTES
from firelib.tfrecord.parse import parse
from firelib.tfrecord.store import Rows, Runs, pieces


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

    def load(self, rows: Rows, gap: int) -> "LoadedCanonical":
        """Read some rows (at least one)."""
        runs = Runs.covering(rows, gap)
        found = [
            piece
            for start, stop in zip(runs.starts.tolist(), runs.stops.tolist(), strict=True)
            for piece in pieces(self._starts, start, stop)
        ]
        indices = [self._index(shard)[first : last + 1] for shard, first, last in found]
        sizes = [int(index[-1] - index[0]) for index in indices]
        places = np.cumsum([0, *sizes])
        buffer = np.empty(places[-1], np.uint8)
        for (shard, first, _), index, place in zip(found, indices, places[:-1].tolist(), strict=True):
            self._read(shard, first, index, buffer[place : place + int(index[-1] - index[0])])
        moved = [index - index[0] + place for index, place in zip(indices, places[:-1], strict=True)]
        begins, ends = np.concatenate([ix[:-1] for ix in moved]), np.concatenate([ix[1:] for ix in moved])
        return LoadedCanonical(buffer, begins, ends, runs, self._features)

    def _read(self, shard: int, first: int, index: Rows, out: npt.NDArray[np.uint8]) -> None:
        self._files.read_into(shard, int(index[0]), out)
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

    def __init__(
        self, buffer: npt.NDArray[np.uint8], begins: Rows, ends: Rows, runs: Runs, features: Sequence[Feature]
    ) -> None:
        self._buffer, self._runs, self._features = buffer, runs, features
        self._begins, self._ends = begins + HEADER_BYTES, ends - FOOTER_BYTES

    def take(self, rows: Rows) -> Batch:
        """Columns of some of the loaded rows, in the order given."""
        places = self._runs.places(rows)
        return parse(self._buffer, self._begins[places], self._ends[places], self._features)
