"""Kernels that read the fields of Protocol Buffers messages, and write varints.

Positions are offsets from the start of the buffer, and nothing outside a message's bounds is read. Functions take
addresses, since the reference counts of an array view would cost more than parsing a row.
Format: https://protobuf.dev/programming-guides/encoding.
"""

from typing import Any

import numpy as np
from numba import njit

from firelib.tfrecord.kernels.raw_memory import load_u8, store_u8

# Wire types.
VARINT, FIXED64, LENGTH_DELIMITED, FIXED32 = 0, 1, 2, 5


@njit(nogil=True, cache=True, inline="always")
def read_varint(base: int, at: int, end: int) -> tuple[Any, Any]:
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
    tag, at = read_varint(base, at, end)
    if at < 0:
        return 0, 0, 0, -1
    number, wire = np.int64(tag >> np.uint64(3)), np.int64(tag & np.uint64(7))
    if wire == LENGTH_DELIMITED:
        size, at = read_varint(base, at, end)
        if at < 0 or size > np.uint64(end - at):
            return 0, 0, 0, -1
        return number, wire, at, at + np.int64(size)
    stop = -1
    if wire == VARINT:
        _, stop = read_varint(base, at, end)
    elif wire == FIXED32:
        stop = at + 4
    elif wire == FIXED64:
        stop = at + 8
    return number, wire, at, stop if stop <= end else -1


@njit(nogil=True, cache=True)
def next_message(base: int, at: int, end: int) -> tuple[Any, Any]:
    """Start and end of the next length-delimited field 1: empty if there is none, end -1 if a field is malformed."""
    while at < end:
        number, wire, first, at = read_field(base, at, end)
        if at < 0:
            return 0, -1
        if number == 1 and wire == LENGTH_DELIMITED:
            return first, at
    return end, end


@njit(nogil=True, cache=True, inline="always")
def single_field(base: int, at: int, end: int) -> Any:
    """Start of the content if a list consists of one length-delimited field; otherwise -1."""
    if at == end or load_u8(base + at) != 0x0A:
        return -1
    size, first = read_varint(base, at + 1, end)
    return first if first >= 0 and size == np.uint64(end - first) else -1


@njit(nogil=True, cache=True, inline="always")
def varint_bytes(value: Any) -> Any:
    """Bytes of a value's varint."""
    bits, count = np.uint64(value), 1
    while bits > np.uint64(0x7F):
        bits >>= np.uint64(7)
        count += 1
    return count


@njit(nogil=True, cache=True, inline="always")
def write_varint(target: int, value: Any) -> Any:
    """Write a varint; return the address after it."""
    bits = np.uint64(value)
    while bits > np.uint64(0x7F):
        store_u8(target, np.uint8((bits & np.uint64(0x7F)) | np.uint64(0x80)))
        bits >>= np.uint64(7)
        target += 1
    store_u8(target, np.uint8(bits))
    return target + 1
