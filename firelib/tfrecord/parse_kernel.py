"""A parser of tf.train.Example in compiled code, for records that anybody wrote: any order of keys, packed or not.

First the list of each wanted feature is located, then items are counted, then values are put into columns. Positions
are bytes from the start of the buffer; nothing is read outside a record's bounds.
Format: https://protobuf.dev/programming-guides/encoding and tensorflow/core/example/{example,feature}.proto.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from firelib.tfrecord.canonical_kernel import BYTES, FLOAT
from firelib.tfrecord.memory import copy_bytes, load_u8, load_u32, load_u64, store_u32, store_u64

Ints = npt.NDArray[np.int64]

_VARINT, _FIXED64, SIZED, _FIXED32 = 0, 1, 2, 5


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
def _which(base: int, at: int, end: int, names: npt.NDArray[np.uint8], ends: Ints, guess: int) -> int:
    """The wanted feature whose name stands there, or -1; features mostly come in order, so the next is tried first."""
    count = len(ends) - 1
    for attempt in range(count):
        which = (guess + attempt) % count
        first, size = ends[which], ends[which + 1] - ends[which]
        if size != end - at:
            continue
        same = True
        for index in range(size):
            if names[first + index] != load_u8(base + at + index):
                same = False
                break
        if same:
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


@njit(nogil=True, cache=True)
def _expected(
    base: int, at: int, end: int, which: int, heads: int, head_ends: Ints,
    kinds: npt.NDArray[np.int8], starts: Ints, stops: Ints,
) -> Any:  # fmt: skip
    """The entry of one feature, if it stands here as most writers write it: the name, then one list and nothing else.

    Returns:
        The position behind it, or -1 if something else stands here.
    """
    if which >= len(head_ends) - 1 or load_u8(base + at) != 0x0A:
        return -1
    size, first = _varint(base, at + 1, end)
    if first < 0 or size > np.uint64(end - first):
        return -1
    stop, length = first + np.int64(size), head_ends[which + 1] - head_ends[which]
    if stop - first < length or not _same(base + first, heads + head_ends[which], length):
        return -1
    size, value = _varint(base, first + length, stop)
    if value < 0 or value == stop or size != np.uint64(stop - value):
        return -1
    tag = load_u8(base + value)
    size, content = _varint(base, value + 1, stop)
    if (tag != 0x0A and tag != 0x12 and tag != 0x1A) or content < 0 or size != np.uint64(stop - content):
        return -1
    kinds[which], starts[which], stops[which] = tag >> 3, content, stop
    return stop


@njit(nogil=True, cache=True)
def locate(
    base: int, begins: Ints, ends: Ints, names: npt.NDArray[np.uint8], name_ends: Ints, heads: int, head_ends: Ints,
    kinds: npt.NDArray[np.int8], starts: Ints, stops: Ints,
) -> int:  # fmt: skip
    """Find the lists of wanted features.

    Args:
        base: Address of the buffer.
        begins: Where each record begins in it.
        ends: Where it ends.
        names: The wanted names, one behind the other.
        name_ends: Where each begins, and the end of the last.
        heads: Address of how each feature's entry mostly begins: its name as a field, and the tag of its value.
        head_ends: Where each of those begins, and the end of the last.
        kinds: Out, [rows, features]: the kind of the list, 0 where a record lacks the feature.
        starts: Out, likewise: where its content begins.
        stops: Out, likewise: where it ends.

    Returns:
        The first row that is no Example, or -1.
    """
    for row in range(len(begins)):
        at, end = begins[row], ends[row]
        while at < end:
            first, at = _next_part(base, at, end)
            if at < 0:
                return row
            if not _entries(base, first, at, names, name_ends, heads, head_ends, kinds[row], starts[row], stops[row]):
                return row
    return -1


@njit(nogil=True, cache=True)
def _entries(
    base: int, at: int, end: int, names: npt.NDArray[np.uint8], name_ends: Ints, heads: int, head_ends: Ints,
    kinds: npt.NDArray[np.int8], starts: Ints, stops: Ints,
) -> bool:  # fmt: skip
    """The map of one record; False if it is broken."""
    guess = 0
    while at < end:
        behind = _expected(base, at, end, guess, heads, head_ends, kinds, starts, stops)
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
                which = _which(base, first, inner, names, name_ends, guess)
            elif part == 2 and wire == SIZED:
                value, value_end = first, inner
        if which < 0:
            continue
        guess, kinds[which] = which + 1, 0
        while value < value_end:
            kind, wire, first, value = next_field(base, value, value_end)
            if value < 0:
                return False
            if wire == SIZED and 1 <= kind <= 3:
                kinds[which], starts[which], stops[which] = kind, first, value
    return True


@njit(nogil=True, cache=True)
def count(
    base: int, kind: int, kinds: npt.NDArray[np.int8], starts: Ints, stops: Ints, items: Ints, sizes: Ints
) -> int:
    """Items and the bytes of their fields, a row each; returns the first row with a broken or a wrong list, or -1."""
    for row in range(len(kinds)):
        if kinds[row] == 0:
            continue
        if kinds[row] != kind and starts[row] != stops[row]:
            return row
        at, end = starts[row], stops[row]
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


@njit(nogil=True, cache=True)
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
def fill_numbers(base: int, kind: int, starts: Ints, stops: Ints, out: int) -> None:
    """Write the numbers of all rows one behind the other: float32, or int64; of lists that `count` found sound."""
    for row in range(len(starts)):
        at, end = starts[row], stops[row]
        while at < end:
            number, _, first, at = next_field(base, at, end)
            if number != 1:
                continue
            if kind == FLOAT:
                for place in range(first, at - 3, 4):
                    store_u32(out, load_u32(base + place))
                    out += 4
                continue
            while first < at:
                value, first = _varint(base, first, at)
                store_u64(out, value)
                out += 8


@njit(nogil=True, cache=True)
def fill_bytes(base: int, starts: Ints, stops: Ints, out: int, offsets: Ints) -> None:
    """Write the items of all rows one behind the other, and where each ends (offsets[0] is 0)."""
    item, end_of_item = 0, 0
    for row in range(len(starts)):
        at, end = starts[row], stops[row]
        while at < end:
            number, _, first, at = next_field(base, at, end)
            if number != 1:
                continue
            copy_bytes(out + end_of_item, base + first, at - first)
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
