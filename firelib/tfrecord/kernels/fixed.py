"""Framed records of the fixed layout in one pass: values and checksums into a block that holds the template.

Tiles of a block stay in the first-level cache between the two.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from firelib.tfrecord.kernels.crc32c import crc_of, four_apart, masked
from firelib.tfrecord.kernels.raw_memory import (
    copy_bytes,
    load_i8,
    load_i16,
    load_i32,
    load_i64,
    load_u8,
    load_u16,
    load_u32,
    store_u8,
    store_u32,
    store_u64,
)

# Columns of the table of slots that `fill` takes.
OFFSET, WIDTH, ITEMS, SOURCE, CODE = range(5)

#: How a value's bytes are read; COPY takes them as they are, the others become varints.
COPY = 0
CODES = {"i1": 1, "u1": 2, "b1": 2, "i2": 3, "u2": 4, "i4": 5, "u4": 6, "i8": 7}
_SIZES = np.array([0, 1, 1, 2, 2, 4, 4, 8], np.int64)

_TILE_BYTES = 32 << 10
_HEADER, _FOOTER = 12, 4


@njit(nogil=True, cache=True)
def fill(out: int, length: int, slots: npt.NDArray[np.int64], start: int, rows: int) -> None:
    """Put values and checksums into framed records.

    Args:
        out: Address of as many framed records as rows, all bytes but the values and the checksum in place.
        length: Bytes of a record without framing.
        slots: int64 [slots, 5]: offset in the framed record, bytes of one item, items, address of the
            column's first value, code.
        start: First row of the columns to take.
        rows: How many rows.
    """
    framed = length + 16
    tile = max(4, _TILE_BYTES // framed)
    for first in range(0, rows, tile):
        count = min(tile, rows - first)
        base = out + first * framed
        for slot in slots:
            if slot[CODE] == COPY:
                _fill_bytes(base, framed, slot, start + first, count)
            else:
                _fill_varints(base, framed, slot, start + first, count)
        _checksums(base, length, count)


@njit(nogil=True, cache=True)
def _fill_bytes(base: int, framed: int, slot: npt.NDArray[np.int64], start: int, count: int) -> None:
    width, target = slot[WIDTH] * slot[ITEMS], base + slot[OFFSET]
    source = slot[SOURCE] + start * width
    if width == 4:
        for row in range(count):
            store_u32(target + row * framed, load_u32(source + row * 4))
        return
    for row in range(count):
        copy_bytes(target + row * framed, source + row * width, width)


@njit(nogil=True, cache=True)
def _fill_varints(base: int, framed: int, slot: npt.NDArray[np.int64], start: int, count: int) -> None:
    width, items, code = slot[WIDTH], slot[ITEMS], slot[CODE]
    size = _SIZES[code]
    source = slot[SOURCE] + start * items * size
    for row in range(count):
        target = base + slot[OFFSET] + row * framed
        for item in range(items):
            _put_varint(target + item * width, _integer(source + (row * items + item) * size, code), width)


@njit(nogil=True, cache=True, inline="always")
def _put_varint(target: int, value: Any, width: int) -> None:
    """A varint padded to `width` bytes: seven bits each, the high bit set in all but the last."""
    bits = np.uint64(value)
    if width == 10:  # an int64 that may be negative
        store_u64(target, _spread(bits) | np.uint64(0x8080808080808080))
        store_u8(target + 8, np.uint8(((bits >> np.uint64(56)) & np.uint64(0x7F)) | np.uint64(0x80)))
        store_u8(target + 9, np.uint8(bits >> np.uint64(63)))
        return
    for index in range(width - 1):
        store_u8(target + index, np.uint8((bits & np.uint64(0x7F)) | np.uint64(0x80)))
        bits >>= np.uint64(7)
    store_u8(target + width - 1, np.uint8(bits))


@njit(nogil=True, cache=True, inline="always")
def _spread(bits: Any) -> Any:
    """The low 56 bits, seven to a byte."""
    bits &= np.uint64(0x00FFFFFFFFFFFFFF)
    bits = (bits & np.uint64(0x000000000FFFFFFF)) | ((bits & np.uint64(0x00FFFFFFF0000000)) << np.uint64(4))
    bits = (bits & np.uint64(0x00003FFF00003FFF)) | ((bits & np.uint64(0x0FFFC0000FFFC000)) << np.uint64(2))
    return (bits & np.uint64(0x007F007F007F007F)) | ((bits & np.uint64(0x3F803F803F803F80)) << np.uint64(1))


@njit(nogil=True, cache=True, inline="always")
def _integer(address: int, code: int) -> Any:
    if code == 7:
        return np.int64(load_i64(address))
    if code == 5:
        return np.int64(load_i32(address))
    if code == 6:
        return np.int64(load_u32(address))
    if code == 2:
        return np.int64(load_u8(address))
    if code == 1:
        return np.int64(load_i8(address))
    if code == 3:
        return np.int64(load_i16(address))
    return np.int64(load_u16(address))


@njit(nogil=True, cache=True)
def _checksums(base: int, length: int, count: int) -> None:
    framed, row = length + 16, 0
    while row + 4 <= count:
        record = base + row * framed + _HEADER
        a, b, c, d = four_apart(record, framed, length)
        footer = record + length
        store_u32(footer, masked(a))
        store_u32(footer + framed, masked(b))
        store_u32(footer + 2 * framed, masked(c))
        store_u32(footer + 3 * framed, masked(d))
        row += 4
    for last in range(row, count):
        record = base + last * framed + _HEADER
        store_u32(record + length, masked(crc_of(record, length)))
