"""Kernel that parses tf.train.Example records of any writer: keys in any order, lists packed or not.

It locates the list of each wanted feature, counts the items, then copies the values into columns. Positions are offsets
from the start of the buffer, and nothing outside a record's bounds is read. The common case is tried first: features
in sorted order and a list that is one field. Inner functions take addresses, since the reference counts of an array
view would cost more than parsing a row.
Format: https://protobuf.dev/programming-guides/encoding and tensorflow/core/example/{example,feature}.proto.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from firelib.tfrecord.kernels.canonical import BYTES, FLOAT
from firelib.tfrecord.kernels.raw_memory import (
    copy_with_slack,
    load_i64,
    load_u8,
    load_u32,
    load_u64,
    store_u32,
    store_u64,
)

Ints = npt.NDArray[np.int64]

# Wire types of Protocol Buffers.
_VARINT, _FIXED64, LENGTH_DELIMITED, _FIXED32 = 0, 1, 2, 5

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


@njit(nogil=True, cache=True, inline="always")
def _varint(base: int, at: int, end: int) -> tuple[Any, Any]:
    """Read a varint: its value and the position after it, or position -1 if it does not end before `end`."""
    value, shift = np.uint64(0), 0
    while at < end and shift < 70:
        byte = load_u8(base + at)
        value |= np.uint64(byte & 0x7F) << np.uint64(shift)
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
    return value, -1


@njit(nogil=True, cache=True)
def read_field(base: int, at: int, end: int) -> tuple[Any, Any, Any, Any]:
    """Read the next field of a message.

    Args:
        base: Address of the buffer.
        at: Position of the field.
        end: End of the message.

    Returns:
        Field number, wire type, start of the content, end of the content. The end is -1 if the field is malformed.
    """
    tag, at = _varint(base, at, end)
    if at < 0:
        return 0, 0, 0, -1
    number, wire = np.int64(tag >> np.uint64(3)), np.int64(tag & np.uint64(7))
    if wire == LENGTH_DELIMITED:
        size, at = _varint(base, at, end)
        if at < 0 or size > np.uint64(end - at):
            return 0, 0, 0, -1
        return number, wire, at, at + np.int64(size)
    stop = -1
    if wire == _VARINT:
        _, stop = _varint(base, at, end)
    elif wire == _FIXED32:
        stop = at + 4
    elif wire == _FIXED64:
        stop = at + 8
    return number, wire, at, stop if stop <= end else -1


@njit(nogil=True, cache=True)
def _next_message(base: int, at: int, end: int) -> tuple[Any, Any]:
    """Start and end of the next length-delimited field 1: empty if there is none, end -1 if a field is malformed."""
    while at < end:
        number, wire, first, at = read_field(base, at, end)
        if at < 0:
            return 0, -1
        if number == 1 and wire == LENGTH_DELIMITED:
            return first, at
    return end, end


@njit(nogil=True, cache=True)
def _find_feature(name: int, size: int, table: int, features: int, guess: int) -> int:
    """Index of the wanted feature with this name, or -1; tries `guess` first, since most records are sorted."""
    for attempt in range(features):
        index = (guess + attempt) % features
        descriptor = table + index * _WANTED_BYTES
        stop = load_i64(descriptor + 8 * HEAD) + load_i64(descriptor + 8 * HEAD_BYTES) - 1
        if load_i64(descriptor + 8 * NAME_BYTES) == size and _equal_bytes(name, stop - size, size):
            return index
    return -1


@njit(nogil=True, cache=True, inline="always")
def _equal_bytes(one: int, other: int, count: int) -> Any:
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
    size, first = _varint(base, at + 1, end)
    if first < 0 or size > np.uint64(end - first):
        return -1
    stop, length = first + np.int64(size), load_i64(wanted + 8 * HEAD_BYTES)
    if stop - first < length or not _equal_bytes(base + first, load_i64(wanted + 8 * HEAD), length):
        return -1
    size, value = _varint(base, first + length, stop)
    if value < 0 or value == stop or size != np.uint64(stop - value):
        return -1
    tag = load_u8(base + value)
    size, content = _varint(base, value + 1, stop)
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
    """Like `_next_message`, at the top level; end -1 also for field 2, the feature lists of a SequenceExample."""
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
        inner, at = _next_message(base, at, end)
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


@njit(nogil=True, cache=True, inline="always")
def _single_field(base: int, at: int, end: int) -> Any:
    """Start of the content if a list consists of one length-delimited field; otherwise -1."""
    if at == end or load_u8(base + at) != 0x0A:
        return -1
    size, first = _varint(base, at + 1, end)
    return first if first >= 0 and size == np.uint64(end - first) else -1


@njit(nogil=True, cache=True)
def count(base: int, kind: int, spans: Ints, items: Ints, sizes: Ints) -> int:
    """Count the items of a feature's lists.

    Args:
        base: Address of the buffer.
        kind: Kind that every list must have.
        spans: int64 [rows, SPAN_COLUMNS], from `locate`.
        items: Output, int64 [rows]: items of each list, zeros on entry.
        sizes: Output, int64 [rows]: bytes of the fields' contents, zeros on entry.

    Returns:
        Index of the first row whose list is malformed or of another kind, or -1.
    """
    for row in range(len(spans)):
        at, end = spans[row, START], spans[row, STOP]
        if spans[row, KIND] == 0:
            continue
        if spans[row, KIND] != kind and at != end:
            return row
        single = _single_field(base, at, end)
        if single >= 0:
            counted = _count_items(base, kind, LENGTH_DELIMITED, single, end)
            if counted < 0:
                return row
            items[row], sizes[row] = counted, end - single
            continue
        while at < end:
            number, wire, first, at = read_field(base, at, end)
            if at < 0:
                return row
            if number != 1:
                continue
            counted = _count_items(base, kind, wire, first, at)
            if counted < 0:
                return row
            items[row] += counted
            sizes[row] += at - first
    return -1


@njit(nogil=True, cache=True, inline="always")
def _count_items(base: int, kind: int, wire: int, at: int, end: int) -> int:
    """Items in one field of a list; -1 if it is malformed, so that `fill_…` writes exactly what was counted."""
    if kind == BYTES:
        return 1 if wire == LENGTH_DELIMITED else -1
    if kind == FLOAT:
        packed = wire == LENGTH_DELIMITED and (end - at) % 4 == 0
        return (end - at) // 4 if packed or wire == _FIXED32 else -1
    if wire != LENGTH_DELIMITED:
        return 1 if wire == _VARINT else -1
    items = 0
    while at < end:
        _, at = _varint(base, at, end)
        if at < 0:
            return -1
        items += 1
    return items


@njit(nogil=True, cache=True)
def fill_numbers(base: int, kind: int, spans: Ints, out: int) -> None:
    """Write the numbers of all rows consecutively, as float32 or int64.

    Args:
        base: Address of the buffer.
        kind: FLOAT or INT64.
        spans: int64 [rows, SPAN_COLUMNS] of lists that `count` has validated.
        out: Address of the output, with room for all counted items.
    """
    for row in range(len(spans)):
        at, end = spans[row, START], spans[row, STOP]
        single = _single_field(base, at, end)
        if single >= 0:
            out = _put_numbers(base, kind, single, end, out)
            continue
        while at < end:
            number, _, first, at = read_field(base, at, end)
            if number == 1:
                out = _put_numbers(base, kind, first, at, out)


@njit(nogil=True, cache=True, inline="always")
def _put_numbers(base: int, kind: int, at: int, end: int, out: int) -> Any:
    """Write the numbers of one field; return the address after them."""
    if kind == FLOAT:
        for position in range(at, end - 3, 4):
            store_u32(out, load_u32(base + position))
            out += 4
        return out
    while at < end:
        value, at = _varint(base, at, end)
        store_u64(out, value)
        out += 8
    return out


@njit(nogil=True, cache=True)
def fill_bytes(base: int, size: int, spans: Ints, out: int, offsets: Ints) -> None:
    """Write the items of all rows consecutively, and where each item ends.

    Args:
        base: Address of the buffer.
        size: Bytes of the buffer.
        spans: int64 [rows, SPAN_COLUMNS] of lists that `count` has validated.
        out: Address of the output, with room for the bytes of all items and SLACK more.
        offsets: Output, int64 [items + 1]: the end of each item; `offsets[0]` must be 0.
    """
    item, end_of_item = 0, 0
    for row in range(len(spans)):
        at, end = spans[row, START], spans[row, STOP]
        while at < end:
            first = _single_field(base, at, end)
            if first >= 0:
                at = end
            else:
                number, _, first, at = read_field(base, at, end)
                if number != 1:
                    continue
            copy_with_slack(out + end_of_item, base + first, at - first, base + size)
            end_of_item += at - first
            item += 1
            offsets[item] = end_of_item


@njit(nogil=True, cache=True)
def scan(base: int, size: int, out: Ints) -> tuple[Any, Any]:
    """Find where framed records end, from the lengths in their headers. Checksums are not verified.

    Args:
        base: Address of the buffer.
        size: Bytes of the buffer.
        out: Output, int64: the end of each record, as many as fit. Call again with a longer array for all of them.

    Returns:
        Number of whole records, and the offset where the last one ends.
    """
    rows: Any = 0
    at: Any = 0
    while at + 16 <= size:
        low, high = load_u32(base + at), load_u32(base + at + 4)
        length: Any = np.int64(low) | (np.int64(high) << 32)
        if length < 0 or length > size - at - 16:  # compared without a sum, which could overflow
            break
        at += 16 + length
        if rows < len(out):
            out[rows] = at
        rows += 1
    return rows, at
