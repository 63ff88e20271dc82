"""Pack batches into few arrays, so that TensorFlow receives them without a copy and without a call per column.

Columns of one dtype and shape share an array, which TensorFlow splits without copying. Strings are one serialised
TensorProto (see `string_tensor`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from firelib.recipe import Feature
from firelib.tfrecord.format.column_conversion import empty_columns, to_ragged
from firelib.tfrecord.format.fixed_decoder import Batch
from firelib.tfrecord.format.fixed_layout import numpy_dtype
from firelib.tfrecord.format.string_tensor import string_tensor
from firelib.tfrecord.read.buffer_pool import BufferPool
from firelib.tfrecord.read.row_ranges import Rows
from firelib.tfrecord.read.window_prefetch import LoadedRows, RankBatches

_CHUNK_BYTES = 2 << 20  # smaller chunks cost more calls, larger ones exceed the cache


@dataclass(frozen=True)
class ColumnGroup:
    """Numeric columns that share an array.

    Attributes:
        dtype: Their dtype.
        shape: Shape of one value.
        names: Their names, in the order of the array.
    """

    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]
    names: tuple[str, ...]


class Packing:
    """The arrangement of a record's features in packed batches.

    Args:
        features: The features of a record.

    Attributes:
        dense: Groups of numeric columns.
        strings: Names of the columns with one string per row.
        lists: The ragged features.
    """

    def __init__(self, features: Sequence[Feature]) -> None:
        self._features = {feature.name: feature for feature in features}
        self._pool = BufferPool()
        self.lists = [feature for feature in features if feature.ragged]
        single = [feature for feature in features if not feature.ragged]
        self.strings = [feature.name for feature in single if numpy_dtype(feature).kind in "SO"]
        numbers = [feature for feature in single if feature.name not in self.strings]
        kinds = dict.fromkeys((numpy_dtype(feature), feature.shape) for feature in numbers)
        self.dense = [
            ColumnGroup(dtype, shape, tuple(f.name for f in numbers if (numpy_dtype(f), f.shape) == (dtype, shape)))
            for dtype, shape in kinds
        ]

    def chunk_rows(self, row_bytes: float) -> int:
        """Rows to decode in one call, for rows of this many bytes; with ragged features, one batch per call."""
        return 1 if self.lists else max(1, int(_CHUNK_BYTES / max(1.0, row_bytes)))

    def pack(self, batches: RankBatches, first: int, stop: int, size: int | None, by_column: bool = False) -> list[Any]:
        """Pack the steps of a chunk.

        Args:
            batches: The batches.
            first: First step.
            stop: The step after the last.
            size: Rows to which each step is padded, or None.
            by_column: Whether columns come before steps.

        Returns:
            In this order: an array [steps, columns, rows, *shape] for each group; a TensorProto if there are strings;
            values and row splits for each ragged feature; float32 weights [steps, rows] if steps are padded. With
            `by_column`, arrays and the TensorProto have the shape [columns, steps, rows, *shape].
        """
        loaded, index = batches.load(first, stop)
        steps, rows = index.shape
        padded = rows if size is None else size
        packed = [self._empty(group, steps, padded, by_column) for group in self.dense]
        out = {
            name: (array[column] if by_column else array[:, column])[:, :rows]
            for group, array in zip(self.dense, packed, strict=True)
            for column, name in enumerate(group.names)
        }
        for array in packed:
            array[:, :, rows:] = 0
        columns = self._decode(loaded, index, out)
        flat: list[Any] = [*packed]
        if self.strings:
            flat.append(string_tensor([columns[name] for name in self.strings], steps, rows, padded, by_column))
        for feature in self.lists:
            flat += _pad_lists(*to_ragged(columns[feature.name], feature), padded)
        if size is not None:
            flat.append(_weights(batches.order.batch_rows(first), steps, rows, size))
        return flat

    def _empty(self, group: ColumnGroup, steps: int, rows: int, by_column: bool) -> npt.NDArray[np.generic]:
        outer = (len(group.names), steps) if by_column else (steps, len(group.names))
        shape = (*outer, rows, *group.shape)
        return self._pool.empty(prod(shape) * group.dtype.itemsize).view(group.dtype).reshape(shape)

    def _decode(self, loaded: LoadedRows, index: Rows, out: Batch) -> Batch:
        """Fill the columns of `out`; return the others, flat over steps and rows."""
        if index.size:
            return loaded.decode(index, out)
        return empty_columns([self._features[name] for name in self._features if name not in out])


def _pad_lists(values: Any, splits: Any, rows: int) -> list[Any]:
    """Append empty lists up to `rows` rows."""
    return [values, np.concatenate([splits, np.full(rows + 1 - len(splits), splits[-1])])]


def _weights(batch_rows: int, steps: int, rows: int, size: int) -> npt.NDArray[np.float32]:
    """1 / (rows of the global batch) for each row, 0 for padding: float32 [steps, size]."""
    weights = np.zeros((steps, size), np.float32)
    weights[:, :rows] = 1 / batch_rows
    return weights
