"""A parser of tf.train.Example in compiled code, for records that anybody wrote: any order of keys, packed or not.

First the list of each wanted feature is located, then items are counted, then values are put into columns. Positions
are bytes from the start of the buffer; nothing is read outside a record's bounds. What most writers write is looked
for first: features in order, a list that is one field. Inner functions take addresses: a view of an array in a loop
over rows would cost more than the row, since references to it are counted.
Format: https://protobuf.dev/programming-guides/encoding and tensorflow/core/example/{example,feature}.proto.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from firelib.tfrecord.kernels.canonical import BYTES, FLOAT
from firelib.tfrecord.kernels.raw_memory import copy_over, load_i64, load_u8, load_u32, load_u64, store_u32, store_u64

Ints = npt.NDArray[np.int64]

_VARINT, _FIXED64, SIZED, _FIXED32 = 0, 1, 2, 5

# Columns of the table of wanted features.
#   HEAD        address of how its entry mostly begins: its name as a field, and the tag of its value
#   HEAD_BYTES  bytes of that
#   NAME_BYTES  bytes of the name, which ends a byte before
HEAD, HEAD_BYTES, NAME_BYTES = range(3)
WANTED_COLUMNS = 3

# Columns of a list that was found: its kind, or 0 where a record lacks the feature, and where its content lies.
KIND, START, STOP = range(3)
SPAN_COLUMNS = 3

_LINE, _SPAN = 8 * WANTED_COLUMNS, 8 * SPAN_COLUMNS


@njit(nogil=True, cache=True, inline="always")
def _varint(base: int, at: int, end: int) -> tuple[Any, Any]:
    """A varint's value and the position behind it; position -1 if it runs past the end."""
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
def next_field(base: int, at: int, end: int) -> tuple[Any, Any, Any, Any]:
    """The next field: number, wire type, and where its content lies; its end is -1 if it is broken."""
    tag, at = _varint(base, at, end)
    if at < 0:
        return 0, 0, 0, -1
    number, wire = np.int64(tag >> np.uint64(3)), np.int64(tag & np.uint64(7))
    if wire == SIZED:
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
def _next_part(base: int, at: int, end: int) -> tuple[Any, Any]:
    """Where the content of the next sized field 1 lies; it is empty if there is none, its end is -1 if it is broken."""
    while at < end:
        number, wire, first, at = next_field(base, at, end)
        if at < 0:
            return 0, -1
        if number == 1 and wire == SIZED:
            return first, at
    return end, end


@njit(nogil=True, cache=True)
def _which(name: int, size: int, table: int, features: int, guess: int) -> int:
    """The wanted feature that has this name, or -1; features mostly come in order, so the next is tried first."""
    for attempt in range(features):
        which = (guess + attempt) % features
        line = table + which * _LINE
        behind = load_i64(line + 8 * HEAD) + load_i64(line + 8 * HEAD_BYTES) - 1
        if load_i64(line + 8 * NAME_BYTES) == size and _same(name, behind - size, size):
            return which
    return -1


@njit(nogil=True, cache=True, inline="always")
def _same(one: int, other: int, count: int) -> Any:
    """Whether the same bytes stand at two addresses: words, the last one overlapping the one before."""
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
    store_u64(span + 8 * KIND, np.uint64(kind))
    store_u64(span + 8 * START, np.uint64(start))
    store_u64(span + 8 * STOP, np.uint64(stop))


@njit(nogil=True, cache=True, inline="always")
def _expected(base: int, at: int, end: int, wanted: int, span: int) -> Any:
    """The entry of one feature, if it stands here as most writers write it: the name, then one list and nothing else.

    Returns:
        The position behind it, or -1 if something else stands here.
    """
    if load_u8(base + at) != 0x0A:
        return -1
    size, first = _varint(base, at + 1, end)
    if first < 0 or size > np.uint64(end - first):
        return -1
    stop, length = first + np.int64(size), load_i64(wanted + 8 * HEAD_BYTES)
    if stop - first < length or not _same(base + first, load_i64(wanted + 8 * HEAD), length):
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
def locate(base: int, begins: Ints, ends: Ints, wanted: Ints, spans: Ints) -> int:
    """Find the lists of wanted features.

    Args:
        base: Address of the buffer.
        begins: Where each record begins in it.
        ends: Where it ends.
        wanted: int64 [features, WANTED_COLUMNS]: see above.
        spans: Out, int64 [features, rows, SPAN_COLUMNS]: see above; zeros before.

    Returns:
        The first row that is no Example, or -1.
    """
    table, features, out, rows = wanted.ctypes.data, len(wanted), spans.ctypes.data, len(begins)
    for row in range(rows):
        at, end = begins[row], ends[row]
        while at < end:
            first, at = _next_part(base, at, end)
            if at < 0 or not _entries(base, first, at, table, features, out + row * _SPAN, rows * _SPAN):
                return row
    return -1


@njit(nogil=True, cache=True)
def _entries(base: int, at: int, end: int, table: int, features: int, out: int, step: int) -> bool:
    """The map of one record; False if it is broken. Spans go to `out`, `step` bytes apart."""
    guess = 0
    while at < end:
        behind = _expected(base, at, end, table + guess * _LINE, out + guess * step) if guess < features else -1
        if behind >= 0:
            at, guess = behind, guess + 1
            continue
        inner, at = _next_part(base, at, end)
        if at < 0:
            return False
        which, value, value_end = -1, 0, 0
        while inner < at:
            part, wire, first, inner = next_field(base, inner, at)
            if inner < 0:
                return False
            if part == 1 and wire == SIZED:
                which = _which(base + first, inner - first, table, features, guess)
            elif part == 2 and wire == SIZED:
                value, value_end = first, inner
        if which < 0:
            continue
        guess = which + 1
        if not _last_list(base, value, value_end, out + which * step):
            return False
    return True


@njit(nogil=True, cache=True)
def _last_list(base: int, at: int, end: int, span: int) -> bool:
    """The list in a value: of several, the last; False if it is broken."""
    _put_span(span, 0, 0, 0)
    while at < end:
        kind, wire, first, at = next_field(base, at, end)
        if at < 0:
            return False
        if wire == SIZED and 1 <= kind <= 3:
            _put_span(span, kind, first, at)
    return True


@njit(nogil=True, cache=True, inline="always")
def _only_field(base: int, at: int, end: int) -> Any:
    """Where the content of a list's field begins, if it is the only one, and sized; else -1."""
    if at == end or load_u8(base + at) != 0x0A:
        return -1
    size, first = _varint(base, at + 1, end)
    return first if first >= 0 and size == np.uint64(end - first) else -1


@njit(nogil=True, cache=True)
def count(base: int, kind: int, spans: Ints, items: Ints, sizes: Ints) -> int:
    """Items and the bytes of their fields, a row each; returns the first row with a broken or a wrong list, or -1."""
    for row in range(len(spans)):
        at, end = spans[row, START], spans[row, STOP]
        if spans[row, KIND] == 0:
            continue
        if spans[row, KIND] != kind and at != end:
            return row
        only = _only_field(base, at, end)
        if only >= 0:
            found = _items(base, kind, SIZED, only, end)
            if found < 0:
                return row
            items[row], sizes[row] = found, end - only
            continue
        while at < end:
            number, wire, first, at = next_field(base, at, end)
            if at < 0:
                return row
            if number != 1:
                continue
            found = _items(base, kind, wire, first, at)
            if found < 0:
                return row
            items[row] += found
            sizes[row] += at - first
    return -1


@njit(nogil=True, cache=True, inline="always")
def _items(base: int, kind: int, wire: int, at: int, end: int) -> int:
    """Items in one field of a list; -1 if it is broken, so that what is filled later is what was counted."""
    if kind == BYTES:
        return 1 if wire == SIZED else -1
    if kind == FLOAT:
        packed = wire == SIZED and (end - at) % 4 == 0
        return (end - at) // 4 if packed or wire == _FIXED32 else -1
    if wire != SIZED:
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
    """Write the numbers of all rows one behind the other: float32, or int64; of lists that `count` found sound."""
    for row in range(len(spans)):
        at, end = spans[row, START], spans[row, STOP]
        only = _only_field(base, at, end)
        if only >= 0:
            out = _put_numbers(base, kind, only, end, out)
            continue
        while at < end:
            number, _, first, at = next_field(base, at, end)
            if number == 1:
                out = _put_numbers(base, kind, first, at, out)


@njit(nogil=True, cache=True, inline="always")
def _put_numbers(base: int, kind: int, at: int, end: int, out: int) -> Any:
    """The numbers of one field; returns the address behind them."""
    if kind == FLOAT:
        for place in range(at, end - 3, 4):
            store_u32(out, load_u32(base + place))
            out += 4
        return out
    while at < end:
        value, at = _varint(base, at, end)
        store_u64(out, value)
        out += 8
    return out


@njit(nogil=True, cache=True)
def fill_bytes(base: int, size: int, spans: Ints, out: int, offsets: Ints) -> None:
    """Write the items of all rows one behind the other, and where each ends (offsets[0] is 0).

    Args:
        base: Address of the buffer.
        size: Its bytes.
        spans: Of lists that `count` found sound.
        out: Address, with SLACK bytes more than all items have.
        offsets: Out.
    """
    item, end_of_item = 0, 0
    for row in range(len(spans)):
        at, end = spans[row, START], spans[row, STOP]
        while at < end:
            first = _only_field(base, at, end)
            if first >= 0:
                at = end
            else:
                number, _, first, at = next_field(base, at, end)
                if number != 1:
                    continue
            copy_over(out + end_of_item, base + first, at - first, base + size)
            end_of_item += at - first
            item += 1
            offsets[item] = end_of_item


@njit(nogil=True, cache=True)
def scan(base: int, size: int, out: Ints) -> tuple[Any, Any]:
    """Where framed records end, from their lengths.

    Returns:
        How many records are whole (out may hold fewer: call again with a longer one), and where the last ends.
    """
    rows: Any = 0
    at: Any = 0
    while at + 16 <= size:
        low, high = load_u32(base + at), load_u32(base + at + 4)
        length: Any = np.int64(low) | (np.int64(high) << 32)
        if length < 0 or length > size - at - 16:  # no sum: it might overflow
            break
        at += 16 + length
        if rows < len(out):
            out[rows] = at
        rows += 1
    return rows, at
