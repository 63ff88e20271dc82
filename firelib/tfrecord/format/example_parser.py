"""Records of any writer to columns: NumPy arrays where a feature has a fixed size, else Arrow arrays."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from firelib.errors import FirelibError
from firelib.recipe import Feature
from firelib.tfrecord.format.canonical_encoder import KINDS
from firelib.tfrecord.format.fixed_layout import has_fixed_size, kind_of, numpy_dtype
from firelib.tfrecord.format.protobuf_wire import sized
from firelib.tfrecord.kernels import parse as kernel
from firelib.tfrecord.kernels.raw_memory import SLACK

Ints = npt.NDArray[np.int64]

_LIST_NAMES = {1: "bytes_list", 2: "float_list", 3: "int64_list"}


def parse(buffer: npt.NDArray[np.uint8], begins: Ints, ends: Ints, features: Sequence[Feature]) -> dict[str, Any]:
    """Columns of serialised Examples.

    Args:
        buffer: Bytes that hold them.
        begins: Where each record begins (behind its header).
        ends: Where it ends (before its checksum).
        features: The features wanted.

    Returns:
        Feature name → array [rows, *shape], or an Arrow array (large binaries, lists) if it has no fixed size.

    Raises:
        FirelibError: A record is no Example, lacks a feature that is not optional, or holds another kind of
            list, or another number of values, than declared.
    """
    features = sorted(features, key=lambda feature: feature.name.encode())  # as most writers do
    heads = [np.frombuffer(b"\x0a" + sized(feature.name.encode()) + b"\x12", np.uint8) for feature in features]
    wanted = np.zeros((len(features), kernel.WANTED_COLUMNS), np.int64)
    for line, feature, head in zip(wanted, features, heads, strict=True):
        line[kernel.HEAD], line[kernel.HEAD_BYTES] = head.ctypes.data, len(head)
        line[kernel.NAME_BYTES] = len(feature.name.encode())
    spans = np.zeros((len(features), len(begins), kernel.SPAN_COLUMNS), np.int64)
    broken = kernel.locate(buffer.ctypes.data, begins, ends, wanted, spans)
    if broken >= 0:
        raise FirelibError(f"record {broken} of a batch is no tf.train.Example", remedy="is it another kind of record?")
    columns = {}
    for place, feature in enumerate(features):
        columns[feature.name] = _Column(buffer, feature, spans[place]).value()
    return columns


class _Column:
    """One feature's lists in all records of a buffer."""

    def __init__(self, buffer: npt.NDArray[np.uint8], feature: Feature, spans: Ints) -> None:
        self._buffer, self._base, self._feature, self._spans = buffer, buffer.ctypes.data, feature, spans
        self._kind = KINDS[kind_of(feature)]
        self._present = spans[:, kernel.KIND] > 0
        self._items, self._sizes = np.zeros(len(spans), np.int64), np.zeros(len(spans), np.int64)
        wrong = kernel.count(self._base, self._kind, spans, self._items, self._sizes)
        if wrong >= 0:
            found = _LIST_NAMES[int(spans[wrong, kernel.KIND])]
            raise self._error(f"a record holds a broken list or a {found} where {_LIST_NAMES[self._kind]} is declared")
        if feature.optional and not feature.ragged:
            self._present &= self._items > 0  # Ray Data writes an empty list for a missing value
        if not feature.optional and not self._present.all():
            raise self._error("a record lacks it", "declare it optional")

    def value(self) -> Any:
        feature = self._feature
        if has_fixed_size(feature):
            return self._fixed()
        if feature.ragged:
            return self._lists()
        if feature.dtype in ("string", "bytes"):
            self._expect(1)
            return _binaries(*self._bytes_of_rows(), mask=~self._present)
        dense = self._fixed(optional=True).reshape(len(self._present), -1)
        return _optional(dense, self._present, feature)

    def _fixed(self, optional: bool = False) -> npt.NDArray[np.generic]:
        """An array [rows, *shape]; rows that lack the feature are zero."""
        feature, rows = self._feature, len(self._present)
        dtype, per_row = numpy_dtype(feature), int(np.prod(feature.shape))
        if self._kind == KINDS["bytes"]:
            self._expect(1)
            return self._fixed_bytes(dtype, per_row)
        self._expect(per_row)
        dense = np.zeros((rows, per_row), dtype)
        dense[self._present if optional else slice(None)] = self._numbers().reshape(-1, per_row)
        return dense.reshape(rows, *feature.shape)

    def _fixed_bytes(self, dtype: np.dtype[np.generic], per_row: int) -> npt.NDArray[np.generic]:
        feature, rows, width = self._feature, len(self._present), dtype.itemsize * per_row
        data, _ = self._bytes()
        dense = np.zeros((rows, width), np.uint8)
        if feature.dtype == "string":
            if (self._sizes > width).any():
                raise self._error(f"a value has {self._sizes.max()} bytes, more than {width}")
            column = np.repeat(np.arange(rows), self._sizes)
            dense[column, np.arange(len(column)) - np.repeat(np.cumsum(self._sizes) - self._sizes, self._sizes)] = data
        elif (self._sizes[self._present] != width).any():
            raise self._error(f"a record does not hold {width} bytes of it")
        else:
            dense[self._present] = data.reshape(-1, width)
        return dense.view(dtype).reshape(rows, *feature.shape)

    def _lists(self) -> pa.Array:
        feature = self._feature
        mask = pa.array(~self._present) if feature.optional else None
        if feature.dtype in ("string", "bytes"):
            return pa.LargeListArray.from_arrays(_ends(self._items), _binaries(*self._bytes()), mask=mask)
        if self._kind == KINDS["bytes"]:
            self._expect(1)
            dtype = numpy_dtype(feature)
            if (self._sizes % dtype.itemsize).any():
                raise self._error(f"a record holds no whole number of values of {dtype.itemsize} bytes")
            flat = self._bytes()[0].view(dtype)
            return pa.LargeListArray.from_arrays(_ends(self._sizes // dtype.itemsize), _numbers(flat), mask=mask)
        flat = self._numbers()
        return pa.LargeListArray.from_arrays(_ends(self._items), _numbers(flat), mask=mask)

    def _numbers(self) -> npt.NDArray[np.generic]:
        dtype = "<f4" if self._kind == KINDS["float"] else "<i8"
        flat = np.empty(int(self._items.sum()), dtype)
        kernel.fill_numbers(self._base, self._kind, self._spans, flat.ctypes.data)
        return self._narrowed(flat)

    def _narrowed(self, flat: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        """Numbers in the feature's own dtype; those that it cannot hold would become others in silence."""
        dtype = numpy_dtype(self._feature)
        narrow = flat.astype(dtype)
        if dtype.itemsize < flat.dtype.itemsize and (wrong := flat != narrow).any():
            raise self._error(f"a record holds {flat[wrong][0]}, which is no {self._feature.dtype}")
        return narrow

    def _bytes(self) -> tuple[npt.NDArray[np.uint8], Ints]:
        """All items' bytes, and where each begins, and the end of the last."""
        size, offsets = int(self._sizes.sum()), np.zeros(int(self._items.sum()) + 1, np.int64)
        data = np.empty(size + SLACK, np.uint8)
        kernel.fill_bytes(self._base, self._buffer.size, self._spans, data.ctypes.data, offsets)
        return data[:size], offsets

    def _bytes_of_rows(self) -> tuple[npt.NDArray[np.uint8], Ints]:
        """`_bytes` with one item a row, empty where it lacks."""
        return self._bytes()[0], _ends(self._sizes)

    def _expect(self, items: int) -> None:
        wrong = self._present & (self._items != items)
        if wrong.any():
            raise self._error(f"a record holds {self._items[wrong][0]} values of it, not {items}")

    def _error(self, what: str, remedy: str = "correct the declaration, or the file") -> FirelibError:
        return FirelibError(what, where=f"feature {self._feature.name!r}", remedy=remedy)


def _ends(sizes: Ints) -> Ints:
    return np.concatenate([[0], np.cumsum(sizes)])


def _binaries(data: npt.NDArray[np.uint8], offsets: Ints, mask: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    nulls = pa.array(~mask).buffers()[1] if mask is not None and mask.any() else None
    buffers = [nulls, pa.py_buffer(np.ascontiguousarray(offsets)), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.large_binary(), len(offsets) - 1, buffers)


def _optional(dense: npt.NDArray[np.generic], present: npt.NDArray[np.bool_], feature: Feature) -> pa.Array:
    if feature.dtype == "string":
        width = dense.dtype.itemsize
        flat = dense.reshape(-1)
        sizes = np.char.str_len(flat).astype(np.int64)  # type: ignore[arg-type]  # strings
        kept = flat.view(np.uint8).reshape(-1, width)[np.arange(width) < sizes[:, None]]
        return _binaries(kept, _ends(sizes), mask=~present)
    if not feature.shape:
        return pa.array(_plain(dense.reshape(-1)), mask=~present)
    offsets = np.arange(len(dense) + 1, dtype=np.int64) * dense.shape[1]
    return pa.LargeListArray.from_arrays(offsets, _numbers(dense.reshape(-1)), mask=pa.array(~present))


def _numbers(flat: npt.NDArray[np.generic]) -> pa.Array:
    return pa.array(_plain(flat))


def _plain(flat: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """bfloat16 as float32, which Arrow has."""
    return flat.astype(np.float32) if flat.dtype.kind == "V" else flat
