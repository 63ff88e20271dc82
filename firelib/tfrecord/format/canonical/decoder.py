"""Decode records that firelib wrote in the canonical layout into columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from firelib.recipe import Feature
from firelib.tfrecord.format.canonical.encoder import KINDS, record_order
from firelib.tfrecord.format.canonical.entry import entry_head, entry_key
from firelib.tfrecord.format.fixed_decoder import Batch
from firelib.tfrecord.format.fixed_layout import list_kind, numpy_dtype
from firelib.tfrecord.format.protobuf_wire import encode_varint
from firelib.tfrecord.kernels import canonical_columns as kernel
from firelib.tfrecord.kernels.canonical import FLOAT, INT64
from firelib.tfrecord.kernels.raw_memory import SLACK
from firelib.tfrecord.kernels.strings import join_spans, span_offsets

Ints = npt.NDArray[np.int64]


class CanonicalDecoder:
    """Decodes records in which every feature has one value, encoded as firelib and TensorFlow encode it.

    Args:
        features: The features of a record. None of them is ragged or optional (see `can_decode`).
    """

    def __init__(self, features: Sequence[Feature]) -> None:
        self._fields = [_Field(feature) for feature in record_order(features)]
        self._table = np.stack([each.descriptor() for each in self._fields])

    @staticmethod
    def can_decode(features: Sequence[Feature]) -> bool:
        """Whether every record has one value of each feature."""
        return not any(feature.ragged or feature.optional for feature in features)

    def decode(self, buffer: npt.NDArray[np.uint8], begins: Ints, ends: Ints, index: Ints, out: Batch) -> Batch | None:
        """Decode some records.

        Args:
            buffer: Bytes that contain the records, each followed by its checksum.
            begins: Offset of each record's first byte, after its header: int64 [records].
            ends: Offset of the byte after each record, before its checksum: int64 [records].
            index: Index of each record to decode, in output order: int64 [batches, rows].
            out: Columns to fill: arrays [batches, rows, *shape], contiguous within a batch.

        Returns:
            The columns that `out` lacks, flat, as `parse_examples` returns them. None if a record has another encoding;
            then `out` holds any values.
        """
        made = {each.name: each.empty(index.shape) for each in self._fields if each.name not in out}
        columns = {**out, **made}
        table = self._table.copy()
        for row, field in zip(table, self._fields, strict=True):
            column = columns[field.name]
            row[kernel.TARGET], row[kernel.STRIDE] = column.__array_interface__["data"][0], column.strides[0]
        if kernel.decode(buffer.ctypes.data, begins, ends, np.ascontiguousarray(index), table) >= 0:
            return None
        return {each.name: each.finish(made[each.name], buffer) for each in self._fields if each.name in made}


@dataclass(frozen=True)
class _Field:
    """A feature's entry in a record."""

    feature: Feature

    @property
    def name(self) -> str:
        return self.feature.name

    @cached_property
    def _form(self) -> int:
        feature, kind = self.feature, KINDS[list_kind(self.feature)]
        if kind == INT64:
            return kernel.INTEGERS
        if feature.dtype == "bytes" or (feature.dtype == "string" and not feature.max_length):
            return kernel.TEXT
        return kernel.PADDED if feature.dtype == "string" else kernel.PLAIN

    @cached_property
    def _head(self) -> npt.NDArray[np.uint8]:
        """The bytes at HEAD, see `kernels.canonical_columns`."""
        name, kind = self.name.encode(), KINDS[list_kind(self.feature)]
        if self._form != kernel.PLAIN:
            return np.frombuffer(entry_key(name), np.uint8)
        width = numpy_dtype(self.feature).itemsize * prod(self.feature.shape)
        if kind == FLOAT:
            return np.frombuffer(entry_head(name, kind, width), np.uint8)
        item = b"\x0a" + encode_varint(width)
        return np.frombuffer(entry_head(name, kind, len(item) + width) + item, np.uint8)

    def empty(self, rows: tuple[int, ...]) -> npt.NDArray[Any]:
        """A column for the kernel to fill: [batches, rows, *shape]; the spans of strings if their length varies."""
        if self._form == kernel.TEXT:
            return np.empty((*rows, 2), np.int64)
        make = np.zeros if self._form == kernel.PADDED else np.empty
        return make((*rows, *self.feature.shape), numpy_dtype(self.feature))

    def descriptor(self) -> Ints:
        """The field's row in the table that the kernel takes, without a column; valid while this object exists."""
        row, column = np.zeros(kernel.FIELD_COLUMNS, np.int64), self.empty((1, 1))
        row[kernel.FORM], row[kernel.HEAD], row[kernel.HEAD_BYTES] = self._form, self._head.ctypes.data, len(self._head)
        row[kernel.KIND_TAG] = KINDS[list_kind(self.feature)] << 3 | 2
        row[kernel.WIDTH], row[kernel.ITEMS] = column.nbytes, prod(self.feature.shape)
        if self._form == kernel.INTEGERS:
            row[kernel.LOW], row[kernel.HIGH] = _bounds(column.dtype)
        return row

    def finish(self, column: npt.NDArray[Any], buffer: npt.NDArray[np.uint8]) -> Any:
        """The flat column; strings whose length varies become an Arrow array."""
        flat = column.reshape(-1, *column.shape[2:])
        return _to_binary(flat, buffer) if self._form == kernel.TEXT else flat


def _bounds(dtype: np.dtype[Any]) -> tuple[int, int]:
    return (0, 1) if dtype.kind == "b" else (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))


def _to_binary(spans: Ints, buffer: npt.NDArray[np.uint8]) -> pa.Array:
    offsets = np.empty(len(spans) + 1, np.int64)
    span_offsets(spans, offsets)
    data = np.empty(offsets[-1] + SLACK, np.uint8)
    join_spans(buffer.ctypes.data, buffer.size, spans, data.ctypes.data)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data[: offsets[-1]])]
    return pa.Array.from_buffers(pa.large_binary(), len(spans), buffers)
