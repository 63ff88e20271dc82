"""Batches as few arrays, so that TensorFlow takes them over without a copy and without a call a column.

Columns of one dtype and shape stand together in one array; TensorFlow takes them apart by pointing into it. Strings
come as one serialised TensorProto (see `string_tensor`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from firelib.recipe import Feature
from firelib.tfrecord.format.column_conversion import blank, ragged
from firelib.tfrecord.format.fixed_decoder import Batch
from firelib.tfrecord.format.fixed_layout import numpy_dtype
from firelib.tfrecord.format.string_tensor import string_tensor
from firelib.tfrecord.read.buffer_pool import MemoryPool
from firelib.tfrecord.read.epoch_order import Rows
from firelib.tfrecord.read.window_loader import Loaded, RankBatches

_CHUNK_BYTES = 2 << 20  # less costs calls, more leaves the cache


@dataclass(frozen=True)
class Group:
    """Columns that travel together.

    Attributes:
        dtype: Their dtype; object means strings.
        shape: Shape of one value.
        names: Their names.
    """

    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]
    names: tuple[str, ...]


class Packing:
    """How batches of some features are packed.

    Attributes:
        dense: Groups of numbers.
        strings: Names of columns with one string a row.
        lists: Columns of lists of any length.
    """

    def __init__(self, features: Sequence[Feature]) -> None:
        self._features = {feature.name: feature for feature in features}
        self._pool = MemoryPool()
        self.lists = [feature for feature in features if feature.ragged]
        single = [feature for feature in features if not feature.ragged]
        self.strings = [feature.name for feature in single if numpy_dtype(feature).kind in "SO"]
        numbers = [feature for feature in single if feature.name not in self.strings]
        kinds = dict.fromkeys((numpy_dtype(feature), feature.shape) for feature in numbers)
        self.dense = [
            Group(dtype, shape, tuple(f.name for f in numbers if (numpy_dtype(f), f.shape) == (dtype, shape)))
            for dtype, shape in kinds
        ]

    def chunk_rows(self, row_bytes: float) -> int:
        """Rows to decode in one call; lists of any length come one batch a call."""
        return 1 if self.lists else max(1, int(_CHUNK_BYTES / max(1.0, row_bytes)))

    def pack(self, batches: RankBatches, first: int, stop: int, size: int | None) -> list[Any]:
        """The steps of a chunk.

        Args:
            batches: Where they come from.
            first: First step.
            stop: The step after the last.
            size: Rows to pad each step to, or None.

        Returns:
            For each group an array [steps, columns, rows, *shape]; if there are strings, bytes; for each column of
            lists its values, and where each row begins; if batches are padded, weights [steps, rows].
        """
        loaded, places = batches.load(first, stop)
        steps, rows = places.shape
        padded = rows if size is None else size
        packed = [self._empty(group, steps, padded) for group in self.dense]
        out = {
            name: array[:, place, :rows]
            for group, array in zip(self.dense, packed, strict=True)
            for place, name in enumerate(group.names)
        }
        for array in packed:
            array[:, :, rows:] = 0
        columns = self._take(loaded, places, out)
        flat: list[Any] = [*packed]
        if self.strings:
            flat.append(string_tensor([columns[name] for name in self.strings], steps, rows, padded))
        for feature in self.lists:
            flat += _padded_lists(*ragged(columns[feature.name], feature), padded)
        if size is not None:
            flat.append(_weights(len(batches.order.batch(first)), steps, rows, size))
        return flat

    def _empty(self, group: Group, steps: int, rows: int) -> npt.NDArray[np.generic]:
        shape = (steps, len(group.names), rows, *group.shape)
        return self._pool.empty(prod(shape) * group.dtype.itemsize).view(group.dtype).reshape(shape)

    def _take(self, loaded: Loaded, places: Rows, out: Batch) -> Batch:
        """Fill `out`; the other columns are returned, one batch behind the other."""
        if places.size:
            return loaded.take(places, out)
        return blank([self._features[name] for name in self._features if name not in out])


def _padded_lists(values: Any, splits: Any, rows: int) -> list[Any]:
    return [values, np.concatenate([splits, np.full(rows + 1 - len(splits), splits[-1])])]


def _weights(batch_rows: int, steps: int, rows: int, size: int) -> npt.NDArray[np.float32]:
    """1 / (rows in the global batch) for a row, 0 for padding."""
    weights = np.zeros((steps, size), np.float32)
    weights[:, :rows] = 1 / batch_rows
    return weights
