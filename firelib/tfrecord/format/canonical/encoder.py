"""Encode columns as framed records of the canonical layout: the bytes of TensorFlow's deterministic serialisation.

Datasets take this layout if a feature has no fixed size: bytes, strings without `max_length`, ragged lists, optional
features.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from firelib.errors import FirelibError, did_you_mean
from firelib.recipe import Feature
from firelib.tfrecord.format.canonical.list_column import ListColumn, group_runs
from firelib.tfrecord.format.fixed_layout import list_kind, numpy_dtype
from firelib.tfrecord.kernels import canonical as kernel
from firelib.tfrecord.kernels.raw_memory import SLACK

_MIN_RECORD = 18  # bytes of a framed record without features
#: Name of a list in tf.train.Feature → its kind in the kernels.
KINDS = {"bytes": kernel.BYTES, "float": kernel.FLOAT, "int64": kernel.INT64}

Ints = npt.NDArray[np.int64]


class CanonicalEncoder:
    """Encodes columns as blocks of framed records.

    Args:
        features: The features of a record.
        block_bytes: Size of a block; a larger record gets a block of its own.
    """

    def __init__(self, features: Sequence[Feature], block_bytes: int) -> None:
        self._features = record_order(features)
        self._buffers = [np.empty(max(block_bytes, _MIN_RECORD) + SLACK, np.uint8) for _ in range(2)]
        self._current = 0

    def blocks(self, columns: Mapping[str, Any]) -> Iterator[tuple[npt.NDArray[np.uint8], Ints]]:
        """Encode all rows.

        Args:
            columns: Feature name → column (see `firelib.tfrecord.format.arrow_columns`).

        Yields:
            A block's bytes, and the offset in the block where each record ends. There are two buffers, so a block is
            valid until the block after the next one is requested.

        Raises:
            FirelibError: A column is missing, or columns differ in length.
        """
        lists = self._lists(columns)
        parts = group_runs(lists)
        table, rows, start = np.stack([each.descriptor() for each in parts]), lists[0].rows, 0
        while start < rows:
            self._current = 1 - self._current
            block, ends = self._block(table, start, rows)
            yield block, ends
            start += len(ends)

    def _block(self, table: Ints, start: int, rows: int) -> tuple[npt.NDArray[np.uint8], Ints]:
        """Encode as many rows as fit into a buffer, at least one."""
        buffer = self._buffers[self._current]
        room = buffer.size - SLACK
        ends = np.empty(min(rows - start, room // _MIN_RECORD), np.int64)
        written = kernel.fill(buffer.ctypes.data, room, table, start, ends)
        if written < 0:
            self._buffers[self._current] = np.empty(SLACK - written, np.uint8)
            return self._block(table, start, rows)
        return buffer[: ends[written - 1]], ends[:written]

    def _lists(self, columns: Mapping[str, Any]) -> list[ListColumn]:
        for feature in self._features:
            if feature.name not in columns:
                raise FirelibError(
                    f"missing column {feature.name!r}",
                    where=f"feature {feature.name!r}",
                    remedy=did_you_mean(feature.name, columns),
                )
        lists = [to_list_column(columns[feature.name], feature) for feature in self._features]
        rows = {each.rows for each in lists}
        if len(rows) != 1:
            raise FirelibError(
                f"columns differ in length: {sorted(rows)}",
                where="the columns",
                remedy="give each feature one value per row",
            )
        return lists


def record_order(features: Sequence[Feature]) -> list[Feature]:
    """Features in the order of their entries in a record."""
    return sorted(features, key=_sort_key)


def _sort_key(feature: Feature) -> tuple[int, ...]:
    """Key of the order in which deterministic serialisation writes a map: by the bytes of the names.

    If a name is a prefix of another, the longer one comes first. upb, the library behind Python's protobuf, encodes
    backwards, so its comparison is inverted for bytes but not for lengths (`_upb_mapsorter_cmpstr` in
    upb/message/map_sorter.c of protocolbuffers/protobuf). The final 256 sorts after every byte, so a longer name
    precedes its prefix.
    """
    return (*feature.name.encode(), 256)


def to_list_column(column: Any, feature: Feature) -> ListColumn:
    """Convert a column to the form that the kernel takes.

    Args:
        column: An array [rows, *shape]; for a feature without a fixed size an Arrow array of strings, bytes or lists,
            with nulls in rows that lack the feature.
        feature: Its declaration.
    """
    if isinstance(column, np.ndarray):
        return _from_array(column, feature)
    lists = _from_arrow(column, feature)
    if not column.null_count:
        return lists
    return replace(lists, present=np.asarray(column.is_valid().to_numpy(zero_copy_only=False), bool))


def _from_array(column: npt.NDArray[np.generic], feature: Feature) -> ListColumn:
    name, kind, rows = feature.name.encode(), KINDS[list_kind(feature)], len(column)
    if kind != kernel.BYTES:
        values = np.ascontiguousarray(column, _wire_dtype(kind))
        return ListColumn(name, kind, rows, values, per_row=prod(column.shape[1:]))
    values = np.ascontiguousarray(column, numpy_dtype(feature))
    width = values.dtype.itemsize * prod(values.shape[1:])
    lengths = np.char.str_len(values).astype(np.int64) if values.dtype.kind == "S" else None
    return ListColumn(name, kind, rows, values, width=width, lengths=lengths)


def _from_arrow(column: pa.Array, feature: Feature) -> ListColumn:
    name, kind, rows = feature.name.encode(), KINDS[list_kind(feature)], len(column)
    if feature.shape:
        return _from_array(_scatter_present(column, feature), feature)
    is_text = feature.dtype in ("string", "bytes")
    if not pa.types.is_large_list(column.type):
        return _from_binary(column, name, rows) if is_text else _from_array(_dense(column, feature), feature)
    items = np.asarray(column.offsets, np.int64)
    if is_text:
        return replace(_from_binary(column.values, name, rows), items=items)
    flat = _dense(column.values, feature)
    if kind != kernel.BYTES:
        return ListColumn(name, kind, rows, np.ascontiguousarray(flat, _wire_dtype(kind)), items=items)
    return ListColumn(name, kind, rows, flat, starts=items * flat.dtype.itemsize)


def _wire_dtype(kind: int) -> str:
    return "<f4" if kind == kernel.FLOAT else "<i8"


def _scatter_present(column: pa.Array, feature: Feature) -> npt.NDArray[np.generic]:
    """Convert arrays of one shape to [rows, *shape]; rows without the feature are zero and are never written."""
    out = np.zeros((len(column), *feature.shape), numpy_dtype(feature))
    present = np.asarray(column.is_valid().to_numpy(zero_copy_only=False), bool)
    out[present] = _dense(column.flatten(), feature).reshape(-1, *feature.shape)
    return out


def _dense(values: pa.Array, feature: Feature) -> npt.NDArray[np.generic]:
    """Convert numbers to an array of the feature's dtype; nulls become 0 and are never written."""
    if values.null_count:
        values = values.fill_null(False if pa.types.is_boolean(values.type) else 0)
    return np.ascontiguousarray(values.to_numpy(zero_copy_only=False), numpy_dtype(feature))


def _from_binary(array: pa.Array, name: bytes, rows: int) -> ListColumn:
    """Convert strings or binaries, whose offsets have 32 or 64 bits."""
    is_large = pa.types.is_large_string(array.type) or pa.types.is_large_binary(array.type)
    dtype: npt.DTypeLike = np.int64 if is_large else np.int32
    _, offsets, data = array.buffers()
    first = array.offset * np.dtype(dtype).itemsize
    starts = np.frombuffer(offsets, dtype, len(array) + 1, first) if len(array) else np.zeros(1, dtype)
    values = np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(1, np.uint8)
    return ListColumn(name, kernel.BYTES, rows, values, starts=starts)
