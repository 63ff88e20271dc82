"""The canonical layout: records of any length, byte for byte what TensorFlow writes deterministically.

It is what datasets take that have a feature without a fixed size: bytes, strings without a declared longest length,
lists of any length, features that a record may lack.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from firelib.errors import FirelibError, did_you_mean
from firelib.recipe import Feature
from firelib.tfrecord.format.fixed_layout import kind_of, numpy_dtype
from firelib.tfrecord.format.protobuf_wire import sized, varint
from firelib.tfrecord.kernels import canonical as kernel
from firelib.tfrecord.kernels.raw_memory import SLACK

#: Bytes of a framed record without features, at least.
_LEAST_RECORD = 18
KINDS = {"bytes": kernel.BYTES, "float": kernel.FLOAT, "int64": kernel.INT64}

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Lists:
    """One feature's values for all rows, as tf.train.Feature holds them.

    Attributes:
        name: The feature's name in UTF-8.
        kind: BYTES, FLOAT or INT64.
        rows: How many rows.
        values: float32, int64, or the bytes of all items.
        per_row: Items of a row, if all have as many.
        items: Else, where each row's items begin: int64 [rows + 1].
        width: Bytes from one item to the next (BYTES), if they lie evenly.
        starts: Else, where each item begins in `values`, and where the last one ends.
        lengths: Bytes of each item (BYTES), if it is shorter than its place.
        present: Which rows have the feature; None: all.
    """

    name: bytes
    kind: int
    rows: int
    values: npt.NDArray[np.generic]
    per_row: int = 1
    items: Ints | None = None
    width: int = 0
    starts: Ints | None = None
    lengths: Ints | None = None
    present: npt.NDArray[np.bool_] | None = None

    @cached_property
    def key(self) -> npt.NDArray[np.uint8]:
        """The key as a field of the map's entry, and the tag of the value that follows."""
        return np.frombuffer(b"\x0a" + sized(self.name) + b"\x12", np.uint8)

    @cached_property
    def head(self) -> bytes:
        """What stands before the list, with the lengths that the entry has in all rows, if they are the same."""
        payload = self.payload or 0
        packed = b"\x0a" + varint(payload) if self.kind != kernel.BYTES and payload else b""
        value = bytes([self.kind << 3 | 2]) + varint(len(packed) + payload) + packed
        entry = self.key.tobytes() + varint(len(value) + payload) + value
        return b"\x0a" + varint(len(entry) + payload) + entry

    @property
    def payload(self) -> int | None:
        """Bytes of the items, if they are the same in all rows: varints and items of their own length are not."""
        if self.items is not None or self.present is not None:
            return None
        if self.kind == kernel.FLOAT:
            return 4 * self.per_row
        if self.kind == kernel.INT64 or self.starts is not None or self.lengths is not None:
            return None
        return self.per_row * (1 + len(varint(self.width)) + self.width)

    def entry(self) -> Ints:
        """The feature's line in the table that the kernel takes; its addresses hold as long as this object."""
        line = np.zeros(kernel.COLUMNS, np.int64)
        line[kernel.KIND], line[kernel.PER_ROW], line[kernel.WIDTH] = self.kind, self.per_row, self.width
        line[kernel.KEY_BYTES], line[kernel.NAME_BYTES] = len(self.key), len(self.name)
        line[kernel.END] = self.values.ctypes.data + self.values.nbytes
        line[kernel.HEAD_BYTES] = len(self.head)
        line[kernel.ENTRY_BYTES] = 0 if self.payload is None else len(self.head) + self.payload
        arrays = {
            kernel.VALUES: self.values,
            kernel.ITEMS: self.items,
            kernel.STARTS: self.starts,
            kernel.LENGTHS: self.lengths,
            kernel.PRESENT: self.present,
            kernel.KEY: self.key,
            kernel.HEAD: self._padded_head,
        }
        for column, array in arrays.items():
            line[column] = 0 if array is None else array.ctypes.data
        return line

    @cached_property
    def _padded_head(self) -> npt.NDArray[np.uint8]:
        return np.frombuffer(self.head + bytes(32), np.uint8)


class CanonicalEncoder:
    """Framed records of some features, in blocks.

    Args:
        features: What a record holds.
        block_bytes: Size of a block; a record that is larger gets one of its own.
    """

    def __init__(self, features: Sequence[Feature], block_bytes: int) -> None:
        self._features = sorted(features, key=_order)
        self._buffers = [np.empty(max(block_bytes, _LEAST_RECORD) + SLACK, np.uint8) for _ in range(2)]
        self._turn = 0

    def blocks(self, columns: Mapping[str, Any]) -> Iterator[tuple[npt.NDArray[np.uint8], Ints]]:
        """All rows: bytes, and where each record ends; a block is valid until the next but one is asked for."""
        lists = self._lists(columns)
        table, rows, start = np.stack([each.entry() for each in lists]), lists[0].rows, 0
        while start < rows:
            self._turn = 1 - self._turn
            block, ends = self._block(table, start, rows)
            yield block, ends
            start += len(ends)

    def _block(self, table: Ints, start: int, rows: int) -> tuple[npt.NDArray[np.uint8], Ints]:
        """As many rows as there is room for; at least one."""
        buffer = self._buffers[self._turn]
        room = buffer.size - SLACK
        ends = np.empty(min(rows - start, room // _LEAST_RECORD), np.int64)
        written = kernel.fill(buffer.ctypes.data, room, table, start, ends)
        if written < 0:
            self._buffers[self._turn] = np.empty(SLACK - written, np.uint8)
            return self._block(table, start, rows)
        return buffer[: ends[written - 1]], ends[:written]

    def _lists(self, columns: Mapping[str, Any]) -> list[Lists]:
        for feature in self._features:
            if feature.name not in columns:
                raise FirelibError(f"there is no column {feature.name!r}", remedy=did_you_mean(feature.name, columns))
        lists = [as_lists(columns[feature.name], feature) for feature in self._features]
        rows = {each.rows for each in lists}
        if len(rows) != 1:
            raise FirelibError(
                f"columns differ in length: {sorted(rows)}", remedy="every feature needs one value a row"
            )
        return lists


def _order(feature: Feature) -> tuple[int, ...]:
    """Python's protobuf (upb) sorts keys by their bytes, but of two that begin alike the longer comes first."""
    return (*feature.name.encode(), 256)


def as_lists(column: Any, feature: Feature) -> Lists:
    """A column in the form that the kernel takes.

    Args:
        column: An array [rows, *shape], or for features without a fixed size an Arrow array: strings, bytes,
            lists; nulls are rows that lack the feature.
        feature: Its declaration.
    """
    if isinstance(column, np.ndarray):
        return _of_array(column, feature)
    lists = _of_arrow(column, feature)
    if not column.null_count:
        return lists
    return replace(lists, present=np.asarray(column.is_valid().to_numpy(zero_copy_only=False), bool))


def _of_array(column: npt.NDArray[np.generic], feature: Feature) -> Lists:
    name, kind, rows = feature.name.encode(), KINDS[kind_of(feature)], len(column)
    if kind != kernel.BYTES:
        values = np.ascontiguousarray(column, _dtype_of(kind))
        return Lists(name, kind, rows, values, per_row=prod(column.shape[1:]))
    values = np.ascontiguousarray(column, numpy_dtype(feature))
    width = values.dtype.itemsize * prod(values.shape[1:])
    lengths = np.char.str_len(values).astype(np.int64) if values.dtype.kind == "S" else None
    return Lists(name, kind, rows, values, width=width, lengths=lengths)


def _of_arrow(column: pa.Array, feature: Feature) -> Lists:
    name, kind, rows = feature.name.encode(), KINDS[kind_of(feature)], len(column)
    if feature.shape:
        return _of_array(_spread(column, feature), feature)
    texts = feature.dtype in ("string", "bytes")
    if not pa.types.is_large_list(column.type):
        return _binary(column, name, rows) if texts else _of_array(_dense(column, feature), feature)
    items = np.asarray(column.offsets, np.int64)
    if texts:
        return replace(_binary(column.values, name, rows), items=items)
    flat = _dense(column.values, feature)
    if kind != kernel.BYTES:
        return Lists(name, kind, rows, np.ascontiguousarray(flat, _dtype_of(kind)), items=items)
    return Lists(name, kind, rows, flat, starts=items * flat.dtype.itemsize)


def _dtype_of(kind: int) -> str:
    return "<f4" if kind == kernel.FLOAT else "<i8"


def _spread(column: pa.Array, feature: Feature) -> npt.NDArray[np.generic]:
    """Arrays of one shape as [rows, *shape]; rows that lack one are zero, and never written."""
    out = np.zeros((len(column), *feature.shape), numpy_dtype(feature))
    present = np.asarray(column.is_valid().to_numpy(zero_copy_only=False), bool)
    out[present] = _dense(column.flatten(), feature).reshape(-1, *feature.shape)
    return out


def _dense(values: pa.Array, feature: Feature) -> npt.NDArray[np.generic]:
    """Numbers as an array of the feature's dtype; what stands for null is never written."""
    if values.null_count:
        values = values.fill_null(False if pa.types.is_boolean(values.type) else 0)
    return np.ascontiguousarray(values.to_numpy(zero_copy_only=False), numpy_dtype(feature))


def _binary(array: pa.Array, name: bytes, rows: int) -> Lists:
    """Large strings or binaries."""
    _, offsets, data = array.buffers()
    starts = np.frombuffer(offsets, np.int64, len(array) + 1, 8 * array.offset) if len(array) else np.zeros(1, np.int64)
    values = np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(1, np.uint8)
    return Lists(name, kernel.BYTES, rows, values, starts=starts)
