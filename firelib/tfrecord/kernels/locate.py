"""Kernel that finds the lists of wanted features in tf.train.Example records of any writer.

Keys may have any order, and lists may be packed or not. The common case is tried first: features in sorted order and a
list that is one field.
Format: tensorflow/core/example/{example,feature}.proto.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from firelib.tfrecord.kernels.raw_memory import load_i64, load_u8, load_u64, store_u64
from firelib.tfrecord.kernels.wire import LENGTH_DELIMITED, next_message, read_field, read_varint

Ints = npt.NDArray[np.int64]

#: Number of the field of tf.train.SequenceExample that tf.train.Example lacks.
FEATURE_LISTS = 2

# A wanted feature's descriptor: one row of the table that `locate` takes.
#   HEAD        address of the bytes that usually start its entry: the name as a field, and the tag of the value
#   HEAD_BYTES  bytes at HEAD
#   NAME_BYTES  bytes of the name, which ends one byte before the end of HEAD
HEAD, HEAD_BYTES, NAME_BYTES = range(3)
WANTED_COLUMNS = 3

# A span: the list of one feature in one record. KIND is its kind, or 0 if the record lacks the feature; START and STOP
# are the offsets of its content.
KIND, START, STOP = range(3)
SPAN_COLUMNS = 3

_WANTED_BYTES, _SPAN_BYTES = 8 * WANTED_COLUMNS, 8 * SPAN_COLUMNS


@njit(nogil=True, cache=True)
def _find_feature(name: int, size: int, table: int, features: int, guess: int) -> int:
    """Index of the wanted feature with this name, or -1; tries `guess` first, since most records are sorted."""
    for attempt in range(features):
        index = (guess + attempt) % features
        descriptor = table + index * _WANTED_BYTES
        stop = load_i64(descriptor + 8 * HEAD) + load_i64(descriptor + 8 * HEAD_BYTES) - 1
        if load_i64(descriptor + 8 * NAME_BYTES) == size and equal_bytes(name, stop - size, size):
            return index
    return -1


@njit(nogil=True, cache=True, inline="always")
def equal_bytes(one: int, other: int, count: int) -> Any:
    """Whether two byte strings are equal, by words of eight bytes; the last word may overlap the one before."""
    differ = np.uint64(0)
    if count < 8:
        for index in range(count):
            differ |= np.uint64(load_u8(one + index) ^ load_u8(other + index))
    else:
        for index in range(0, count - 7, 8):
            differ |= load_u64(one + index) ^ load_u64(other + index)
        differ |= load_u64(one + count - 8) ^ load_u64(other + count - 8)
    return differ == np.uint64(0)


@njit(nogil=True, cache=True, inline="always")
def _put_span(span: int, kind: int, start: int, stop: int) -> None:
    """Store a span at its address."""
    store_u64(span + 8 * KIND, np.uint64(kind))
    store_u64(span + 8 * START, np.uint64(start))
    store_u64(span + 8 * STOP, np.uint64(stop))


@njit(nogil=True, cache=True, inline="always")
def _match_entry(base: int, at: int, end: int, wanted: int, span: int) -> Any:
    """Match the entry of one wanted feature in its usual form: the name, then one list, and nothing else.

    Returns:
        The position after the entry, or -1 if the bytes here have another form.
    """
    if load_u8(base + at) != 0x0A:
        return -1
    size, first = read_varint(base, at + 1, end)
    if first < 0 or size > np.uint64(end - first):
        return -1
    stop, length = first + np.int64(size), load_i64(wanted + 8 * HEAD_BYTES)
    if stop - first < length or not equal_bytes(base + first, load_i64(wanted + 8 * HEAD), length):
        return -1
    size, value = read_varint(base, first + length, stop)
    if value < 0 or value == stop or size != np.uint64(stop - value):
        return -1
    tag = load_u8(base + value)
    size, content = read_varint(base, value + 1, stop)
    if (tag != 0x0A and tag != 0x12 and tag != 0x1A) or content < 0 or size != np.uint64(stop - content):
        return -1
    _put_span(span, np.int64(tag >> 3), content, stop)
    return stop


@njit(nogil=True, cache=True)
def locate(base: int, begins: Ints, ends: Ints, wanted: Ints, spans: Ints, strict: bool) -> int:
    """Find the lists of wanted features in every record.

    Args:
        base: Address of the buffer.
        begins: Offset of each record's first byte, int64 [rows].
        ends: Offset of the byte after each record, int64 [rows].
        wanted: int64 [features, WANTED_COLUMNS], the descriptors.
        spans: Output, int64 [features, rows, SPAN_COLUMNS], zeros on entry.
        strict: Whether a feature that is not wanted makes a record invalid.

    Returns:
        Index of the first record that is not a valid Example, or -1. A SequenceExample is not one.
    """
    table, features, out, rows = wanted.ctypes.data, len(wanted), spans.ctypes.data, len(begins)
    for row in range(rows):
        at, end = begins[row], ends[row]
        while at < end:
            first, at = _next_features(base, at, end)
            if at < 0 or not _entries(
                base, first, at, table, features, out + row * _SPAN_BYTES, rows * _SPAN_BYTES, strict
            ):
                return row
    return -1


@njit(nogil=True, cache=True)
def _next_features(base: int, at: int, end: int) -> tuple[Any, Any]:
    """Like `next_message`, at the top level; end -1 also for field 2, the feature lists of a SequenceExample."""
    while at < end:
        number, wire, first, at = read_field(base, at, end)
        if at < 0 or (number == FEATURE_LISTS and wire == LENGTH_DELIMITED):
            return 0, -1
        if number == 1 and wire == LENGTH_DELIMITED:
            return first, at
    return end, end


@njit(nogil=True, cache=True)
def _entries(base: int, at: int, end: int, table: int, features: int, out: int, step: int, strict: bool) -> bool:
    """Parse the map of one record, storing spans at `out`, `step` bytes apart; False if it is malformed.

    With `strict`, also False if a feature that is not wanted has a value.
    """
    guess = 0
    while at < end:
        stop = (
            _match_entry(base, at, end, table + guess * _WANTED_BYTES, out + guess * step) if guess < features else -1
        )
        if stop >= 0:
            at, guess = stop, guess + 1
            continue
        inner, at = next_message(base, at, end)
        if at < 0:
            return False
        index, value, value_end = -1, 0, 0
        while inner < at:
            part, wire, first, inner = read_field(base, inner, at)
            if inner < 0:
                return False
            if part == 1 and wire == LENGTH_DELIMITED:
                index = _find_feature(base + first, inner - first, table, features, guess)
            elif part == 2 and wire == LENGTH_DELIMITED:
                value, value_end = first, inner
        if index < 0:
            if strict and value_end > value:
                return False
            continue
        guess = index + 1
        if not _last_list(base, value, value_end, out + index * step):
            return False
    return True


@njit(nogil=True, cache=True)
def _last_list(base: int, at: int, end: int, span: int) -> bool:
    """Store the last list of a value, which wins in Protocol Buffers; False if the value is malformed."""
    _put_span(span, 0, 0, 0)
    while at < end:
        kind, wire, first, at = read_field(base, at, end)
        if at < 0:
            return False
        if wire == LENGTH_DELIMITED and 1 <= kind <= 3:
            _put_span(span, kind, first, at)
    return True
