"""Parse Examples of any writer into columns: NumPy arrays for features of a fixed size, otherwise Arrow arrays."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from firelib.errors import FirelibError
from firelib.recipe import Feature
from firelib.tfrecord.format.canonical.encoder import KINDS
from firelib.tfrecord.format.example_fields import LIST_NAMES, not_an_example
from firelib.tfrecord.format.fixed_layout import has_fixed_size, list_kind, numpy_dtype
from firelib.tfrecord.format.protobuf_wire import length_prefixed
from firelib.tfrecord.kernels import feature_lists, locate
from firelib.tfrecord.kernels.raw_memory import SLACK

Ints = npt.NDArray[np.int64]

_SCAN_SPANS = 1 << 16  # spans that are kept at a time while records are scanned


class RecordError(FirelibError):
    """A record does not hold what was declared.

    Attributes:
        row: Index of the record among those that were parsed; None if it is not known.
    """

    row: int | None = None


def parse_examples(
    buffer: npt.NDArray[np.uint8], begins: Ints, ends: Ints, features: Sequence[Feature]
) -> dict[str, Any]:
    """Parse serialised Examples into columns.

    Args:
        buffer: Bytes that contain the records.
        begins: Offset of each record's first byte, after its header: int64 [rows].
        ends: Offset of the byte after each record, before its checksum: int64 [rows].
        features: The features to read; others are skipped.

    Returns:
        Feature name → array [rows, *shape], or an Arrow array (large binaries, lists) if it has no fixed size.

    Raises:
        RecordError: A record is not an Example, lacks a feature that is not optional, or holds another kind of list
            or another number of values than declared.
    """
    features = _sort(features)
    spans = np.zeros((len(features), len(begins), locate.SPAN_COLUMNS), np.int64)
    invalid = _locate(buffer, begins, ends, features, spans, strict=False)
    if invalid >= 0:
        record = buffer[begins[invalid] : ends[invalid]].tobytes()
        problem = not_an_example(record, f"record {invalid}")
        raise _record_error(problem.what, None, problem.remedy, invalid)
    columns = {}
    for index, feature in enumerate(features):
        columns[feature.name] = _ListReader(buffer, feature, spans[index]).to_column()
    return columns


def find_unknown(buffer: npt.NDArray[np.uint8], begins: Ints, ends: Ints, features: Sequence[Feature]) -> int:
    """Find the first record that has another feature than these, or is not an Example.

    Args:
        buffer: Bytes that contain the records.
        begins: Offset of each record's first byte, after its header: int64 [rows].
        ends: Offset of the byte after each record, before its checksum: int64 [rows].
        features: The known features.

    Returns:
        Index of the record, or -1.
    """
    features = _sort(features)
    rows = max(1, _SCAN_SPANS // max(1, len(features)))
    for start in range(0, len(begins), rows):
        part = slice(start, start + rows)
        spans = np.zeros((len(features), len(begins[part]), locate.SPAN_COLUMNS), np.int64)
        unknown = _locate(buffer, begins[part], ends[part], features, spans, strict=True)
        if unknown >= 0:
            return start + unknown
    return -1


def _sort(features: Sequence[Feature]) -> list[Feature]:
    """The order of most writers, which the kernel tries first."""
    return sorted(features, key=lambda feature: feature.name.encode())


def _locate(
    buffer: npt.NDArray[np.uint8], begins: Ints, ends: Ints, features: Sequence[Feature], spans: Ints, strict: bool
) -> int:
    """Call the kernel `locate`; see there."""
    heads = [
        np.frombuffer(b"\x0a" + length_prefixed(feature.name.encode()) + b"\x12", np.uint8) for feature in features
    ]
    wanted = np.zeros((len(features), locate.WANTED_COLUMNS), np.int64)
    for row, feature, head in zip(wanted, features, heads, strict=True):
        row[locate.HEAD], row[locate.HEAD_BYTES] = head.ctypes.data, len(head)
        row[locate.NAME_BYTES] = len(feature.name.encode())
    return int(locate.locate(buffer.ctypes.data, begins, ends, wanted, spans, strict))


def _record_error(what: str, where: str | None, remedy: str | None, row: int | None) -> RecordError:
    error = RecordError(what, where=where, remedy=remedy)
    error.row = row
    return error


class _ListReader:
    """One feature's lists in all records of a buffer, validated against its declaration.

    Raises:
        RecordError: A record lacks the feature, or holds another list than declared.
    """

    def __init__(self, buffer: npt.NDArray[np.uint8], feature: Feature, spans: Ints) -> None:
        self._buffer, self._base, self._feature, self._spans = buffer, buffer.ctypes.data, feature, spans
        self._kind = KINDS[list_kind(feature)]
        self._present = spans[:, locate.KIND] > 0
        self._items, self._sizes = np.zeros(len(spans), np.int64), np.zeros(len(spans), np.int64)
        wrong = feature_lists.count(self._base, self._kind, spans, self._items, self._sizes)
        if wrong >= 0:
            expected, found = LIST_NAMES[self._kind], LIST_NAMES[int(spans[wrong, locate.KIND])]
            what = f"malformed {expected}" if found == expected else f"expected {expected}, got {found}"
            raise self._error(what, row=wrong)
        if feature.optional and not feature.ragged:
            self._present &= self._items > 0  # Ray Data writes an empty list for a missing value
        if not feature.optional and not self._present.all():
            remedy = "declare it with optional=True, or correct the file"
            raise self._error("a record lacks the feature", remedy, int(np.argmin(self._present)))

    def to_column(self) -> Any:
        """The values: an array [rows, *shape], or an Arrow array if the feature has no fixed size."""
        feature = self._feature
        if has_fixed_size(feature):
            return self._fixed()
        if feature.ragged:
            return self._lists()
        if feature.dtype in ("string", "bytes"):
            self._check_counts(1)
            return _to_binary_array(*self._bytes_of_rows(), mask=~self._present)
        dense = self._fixed(optional=True).reshape(len(self._present), -1)
        return _to_optional_array(dense, self._present, feature)

    def _fixed(self, optional: bool = False) -> npt.NDArray[np.generic]:
        """An array [rows, *shape]; rows without the feature are zero."""
        feature, rows = self._feature, len(self._present)
        dtype, per_row = numpy_dtype(feature), int(np.prod(feature.shape))
        if self._kind == KINDS["bytes"]:
            self._check_counts(1)
            return self._fixed_bytes(dtype, per_row)
        self._check_counts(per_row)
        dense = np.zeros((rows, per_row), dtype)
        dense[self._present if optional else slice(None)] = self._numbers().reshape(-1, per_row)
        return dense.reshape(rows, *feature.shape)

    def _fixed_bytes(self, dtype: np.dtype[np.generic], per_row: int) -> npt.NDArray[np.generic]:
        feature, rows, width = self._feature, len(self._present), dtype.itemsize * per_row
        data, _ = self._bytes()
        dense = np.zeros((rows, width), np.uint8)
        if feature.dtype == "string":
            if (self._sizes > width).any():
                what = f"expected at most {width} bytes, got a value of {self._sizes.max()} bytes"
                raise self._error(what, row=int(np.argmax(self._sizes)))
            column = np.repeat(np.arange(rows), self._sizes)
            dense[column, np.arange(len(column)) - np.repeat(np.cumsum(self._sizes) - self._sizes, self._sizes)] = data
        elif (wrong := self._present & (self._sizes != width)).any():
            row = int(np.argmax(wrong))
            raise self._error(f"expected values of {width} bytes, got {self._sizes[row]} bytes", row=row)
        else:
            dense[self._present] = data.reshape(-1, width)
        return dense.view(dtype).reshape(rows, *feature.shape)

    def _lists(self) -> pa.Array:
        feature = self._feature
        mask = pa.array(~self._present) if feature.optional else None
        if feature.dtype in ("string", "bytes"):
            return pa.LargeListArray.from_arrays(_ends(self._items), _to_binary_array(*self._bytes()), mask=mask)
        if self._kind == KINDS["bytes"]:
            self._check_counts(1)
            dtype = numpy_dtype(feature)
            if (wrong := self._sizes % dtype.itemsize > 0).any():
                row = int(np.argmax(wrong))
                raise self._error(
                    f"expected a multiple of {dtype.itemsize} bytes, got {self._sizes[row]} bytes", row=row
                )
            flat = self._bytes()[0].view(dtype)
            return pa.LargeListArray.from_arrays(_ends(self._sizes // dtype.itemsize), _numbers(flat), mask=mask)
        flat = self._numbers()
        return pa.LargeListArray.from_arrays(_ends(self._items), _numbers(flat), mask=mask)

    def _numbers(self) -> npt.NDArray[np.generic]:
        dtype = "<f4" if self._kind == KINDS["float"] else "<i8"
        flat = np.empty(int(self._items.sum()), dtype)
        feature_lists.fill_numbers(self._base, self._kind, self._spans, flat.ctypes.data)
        return self._narrow(flat)

    def _narrow(self, flat: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        """Cast numbers to the feature's dtype and check that none changes: NumPy wraps around silently."""
        dtype = numpy_dtype(self._feature)
        narrow = flat.astype(dtype)
        if dtype.itemsize < flat.dtype.itemsize and (wrong := flat != narrow).any():
            item = int(np.argmax(wrong))
            row = int(np.searchsorted(np.cumsum(self._items), item, side="right"))
            raise self._error(f"{flat[item]} does not fit {self._feature.dtype}", row=row)
        return narrow

    def _bytes(self) -> tuple[npt.NDArray[np.uint8], Ints]:
        """The bytes of all items, and int64 [items + 1]: the offset of each item and the end of the last."""
        size, offsets = int(self._sizes.sum()), np.zeros(int(self._items.sum()) + 1, np.int64)
        data = np.empty(size + SLACK, np.uint8)
        feature_lists.fill_bytes(self._base, self._buffer.size, self._spans, data.ctypes.data, offsets)
        return data[:size], offsets

    def _bytes_of_rows(self) -> tuple[npt.NDArray[np.uint8], Ints]:
        """Like `_bytes`, with one item per row, which is empty in rows without the feature."""
        return self._bytes()[0], _ends(self._sizes)

    def _check_counts(self, items: int) -> None:
        wrong = self._present & (self._items != items)
        if wrong.any():
            row = int(np.argmax(wrong))
            raise self._error(f"expected {items} values per record, got {self._items[row]} values", row=row)

    def _error(
        self, what: str, remedy: str = "correct the feature's declaration, or the file", row: int | None = None
    ) -> RecordError:
        return _record_error(what, f"feature {self._feature.name!r}", remedy, row)


def _ends(sizes: Ints) -> Ints:
    """Offsets of consecutive items of these sizes: int64 [items + 1]."""
    return np.concatenate([[0], np.cumsum(sizes)])


def _to_binary_array(data: npt.NDArray[np.uint8], offsets: Ints, mask: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    nulls = pa.array(~mask).buffers()[1] if mask is not None and mask.any() else None
    buffers = [nulls, pa.py_buffer(np.ascontiguousarray(offsets)), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.large_binary(), len(offsets) - 1, buffers)


def _to_optional_array(dense: npt.NDArray[np.generic], present: npt.NDArray[np.bool_], feature: Feature) -> pa.Array:
    if feature.dtype == "string":
        width = dense.dtype.itemsize
        flat = dense.reshape(-1)
        sizes = np.char.str_len(flat).astype(np.int64)  # type: ignore[arg-type]  # NumPy's stubs do not see that these are strings
        kept = flat.view(np.uint8).reshape(-1, width)[np.arange(width) < sizes[:, None]]
        return _to_binary_array(kept, _ends(sizes), mask=~present)
    if not feature.shape:
        return pa.array(_arrow_compatible(dense.reshape(-1)), mask=~present)
    offsets = np.arange(len(dense) + 1, dtype=np.int64) * dense.shape[1]
    return pa.LargeListArray.from_arrays(offsets, _numbers(dense.reshape(-1)), mask=pa.array(~present))


def _numbers(flat: npt.NDArray[np.generic]) -> pa.Array:
    return pa.array(_arrow_compatible(flat))


def _arrow_compatible(flat: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """Convert bfloat16 to float32, since Arrow has no bfloat16."""
    return flat.astype(np.float32) if flat.dtype.kind == "V" else flat
