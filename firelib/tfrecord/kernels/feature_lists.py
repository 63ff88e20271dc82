"""Kernels that count the items of located feature lists, then copy them into columns."""

from typing import Any

from numba import njit

from firelib.tfrecord.kernels.canonical import BYTES, FLOAT
from firelib.tfrecord.kernels.locate import KIND, START, STOP, Ints
from firelib.tfrecord.kernels.raw_memory import copy_with_slack, load_u32, store_u32, store_u64
from firelib.tfrecord.kernels.wire import FIXED32, LENGTH_DELIMITED, VARINT, read_field, read_varint, single_field


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
        single = single_field(base, at, end)
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
        return (end - at) // 4 if packed or wire == FIXED32 else -1
    if wire != LENGTH_DELIMITED:
        return 1 if wire == VARINT else -1
    items = 0
    while at < end:
        _, at = read_varint(base, at, end)
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
        single = single_field(base, at, end)
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
        value, at = read_varint(base, at, end)
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
            first = single_field(base, at, end)
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
