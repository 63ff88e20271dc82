"""The canonical layout: records of any length, byte for byte what TensorFlow writes deterministically.

It is what datasets take that have a feature without a fixed size: bytes, strings without a declared longest length,
lists of any length, features that a record may lack.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from firelib.errors import FirelibError, did_you_mean
from firelib.recipe import Feature
from firelib.tfrecord import canonical_kernel as kernel
from firelib.tfrecord.layout import kind_of, numpy_dtype
from firelib.tfrecord.wire import sized

KINDS = {"bytes": kernel.BYTES, "float": kernel.FLOAT, "int64": kernel.INT64}
_NONE = np.empty(0, np.int64)
_CHUNK_ROWS = 4096

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Lists:
    """One feature's values for all rows, as tf.train.Feature holds them.

    Attributes:
        name: The feature's name in UTF-8.
        kind: BYTES, FLOAT or INT64.
        values: float32, int64, or the bytes of all items.
        items: Where each row's items begin: int64 [rows + 1].
        starts: Where each item begins in `values` (BYTES).
        lengths: Bytes of each item (BYTES).
        present: Which rows have the feature.
    """

    name: npt.NDArray[np.uint8]
    kind: int
    values: npt.NDArray[np.generic]
    items: Ints
    starts: Ints
    lengths: Ints
    present: npt.NDArray[np.bool_]

    @property
    def rows(self) -> int:
        return len(self.present)

    @cached_property
    def key(self) -> npt.NDArray[np.uint8]:
        """The key as a field of the map's entry, and the tag of the value that follows."""
        return np.frombuffer(b"\x0a" + sized(self.name.tobytes()) + b"\x12", np.uint8)


class CanonicalEncoder:
    """Framed records of some columns.

    Attributes:
        rows: Rows of the columns.
    """

    def __init__(self, columns: Mapping[str, Any], features: Sequence[Feature]) -> None:
        for feature in features:
            if feature.name not in columns:
                raise FirelibError(f"there is no column {feature.name!r}", remedy=did_you_mean(feature.name, columns))
        ordered = sorted(features, key=_order)
        self._lists = [as_lists(columns[feature.name], feature) for feature in ordered]
        rows = {lists.rows for lists in self._lists}
        if len(rows) != 1:
            raise FirelibError(
                f"columns differ in length: {sorted(rows)}", remedy="every feature needs one value a row"
            )
        self.rows = rows.pop()

    def blocks(self, block_bytes: int) -> Iterator[tuple[npt.NDArray[np.uint8], Ints]]:
        """All rows, in blocks of about a size: bytes, and where each record ends; valid until the next is asked for."""
        start, step = 0, 64
        buffer = np.empty(block_bytes, np.uint8)
        while start < self.rows:
            stop = min(self.rows, start + step)
            payloads, bodies = self._measure(start, stop)
            ends = kernel.frame_ends(bodies)
            if ends[-1] > buffer.size:
                buffer = np.empty(ends[-1], np.uint8)
            self._emit(buffer.ctypes.data, start, payloads, bodies, ends)
            yield buffer[: ends[-1]], ends
            step = int(np.clip(block_bytes * (stop - start) // ends[-1], 1, _CHUNK_ROWS))
            start = stop

    def _measure(self, start: int, stop: int) -> tuple[list[Ints], Ints]:
        bodies = np.zeros(stop - start, np.int64)
        payloads = [np.zeros(stop - start, np.int64) for _ in self._lists]
        for lists, payload in zip(self._lists, payloads, strict=True):
            values = lists.values.ctypes.data
            kernel.measure(
                lists.kind, values, lists.items, lists.lengths, lists.present, len(lists.name), start, payload, bodies
            )
        return payloads, bodies

    def _emit(self, out: int, start: int, payloads: list[Ints], bodies: Ints, ends: Ints) -> None:
        cursors = np.empty(len(bodies), np.int64)
        kernel.open_frames(out, ends, bodies, cursors)
        for lists, payload in zip(self._lists, payloads, strict=True):
            kernel.emit(
                lists.kind, lists.values.ctypes.data, lists.items, lists.starts, lists.lengths, lists.present,
                lists.key.ctypes.data, len(lists.key), len(lists.name), start, payload, cursors,
            )  # fmt: skip
        kernel.close_frames(out, ends)


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
    kind, name = KINDS[kind_of(feature)], np.frombuffer(feature.name.encode() or b"\0", np.uint8)
    name = name[: len(feature.name.encode())]
    if isinstance(column, np.ndarray):
        return _of_array(column, feature, kind, name)
    present = np.asarray(column.is_valid().to_numpy(zero_copy_only=False), bool)
    return _of_arrow(column, feature, kind, name, present)


def _of_array(column: npt.NDArray[np.generic], feature: Feature, kind: int, name: npt.NDArray[np.uint8]) -> Lists:
    rows, present = len(column), np.ones(len(column), bool)
    if kind != kernel.BYTES:
        dtype = np.dtype("<f4" if kind == kernel.FLOAT else "<i8")
        per_row = int(np.prod(column.shape[1:]))
        return Lists(name, kind, np.ascontiguousarray(column, dtype), _steps(rows, per_row), _NONE, _NONE, present)
    values = np.ascontiguousarray(column, numpy_dtype(feature))
    width = values.dtype.itemsize * int(np.prod(values.shape[1:]))
    lengths = np.char.str_len(values).astype(np.int64) if values.dtype.kind == "S" else np.full(rows, width)
    return Lists(name, kind, values, _steps(rows, 1), _steps(rows, width)[:-1], lengths, present)


def _of_arrow(
    column: pa.Array, feature: Feature, kind: int, name: npt.NDArray[np.uint8], present: npt.NDArray[np.bool_]
) -> Lists:
    if feature.shape:
        return _replace(_of_array(_spread(column, present, feature), feature, kind, name), present)
    if not pa.types.is_large_list(column.type):
        if kind == kernel.BYTES and feature.dtype in ("string", "bytes"):
            values, starts, lengths = _binary(column)
            return Lists(name, kind, values, _steps(len(column), 1), starts, lengths, present)
        return _replace(_of_array(_dense(column, feature), feature, kind, name), present)
    offsets = np.asarray(column.offsets, np.int64)
    if kind == kernel.BYTES and feature.dtype in ("string", "bytes"):
        values, starts, lengths = _binary(column.values)
        return Lists(name, kind, values, offsets, starts, lengths, present)
    flat = _dense(column.values, feature)
    if kind == kernel.BYTES:
        width = flat.dtype.itemsize
        return Lists(name, kind, flat, _steps(len(column), 1), offsets[:-1] * width, np.diff(offsets) * width, present)
    values = np.ascontiguousarray(flat, "<f4" if kind == kernel.FLOAT else "<i8")
    return Lists(name, kind, values, offsets, _NONE, _NONE, present)


def _replace(lists: Lists, present: npt.NDArray[np.bool_]) -> Lists:
    return Lists(lists.name, lists.kind, lists.values, lists.items, lists.starts, lists.lengths, present)


def _spread(column: pa.Array, present: npt.NDArray[np.bool_], feature: Feature) -> npt.NDArray[np.generic]:
    """Arrays of one shape as [rows, *shape]; rows that lack one are zero, and never written."""
    out = np.zeros((len(column), *feature.shape), numpy_dtype(feature))
    out[present] = _dense(column.flatten(), feature).reshape(-1, *feature.shape)
    return out


def _dense(values: pa.Array, feature: Feature) -> npt.NDArray[np.generic]:
    """Numbers as an array of the feature's dtype; what stands for null is never written."""
    if values.null_count:
        values = values.fill_null(False if pa.types.is_boolean(values.type) else 0)
    return np.ascontiguousarray(values.to_numpy(zero_copy_only=False), numpy_dtype(feature))


def _binary(array: pa.Array) -> tuple[npt.NDArray[np.uint8], Ints, Ints]:
    """Bytes of large strings or binaries, and where each begins and how long it is."""
    _, offsets, data = array.buffers()
    ends = np.frombuffer(offsets, np.int64, len(array) + 1, 8 * array.offset) if len(array) else np.zeros(1, np.int64)
    values = np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(1, np.uint8)
    return values, np.ascontiguousarray(ends[:-1]), np.diff(ends)


def _steps(rows: int, width: int) -> Ints:
    return np.arange(rows + 1, dtype=np.int64) * width
