"""Kernel that fills framed records of the fixed layout: values and checksums, into a block that holds the template.

The block is processed in tiles that fit the first-level cache, so a tile's records are still cached when their
checksums are computed.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from firelib.tfrecord.kernels.crc32c import compute_crc, mask_crc, strided_crcs
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

# Columns of the table of record fields that `fill` takes.
OFFSET, WIDTH, ITEMS, SOURCE, CODE = range(5)

#: Codes of a field's source type. COPY copies bytes unchanged; CODES maps an integer dtype to the code that encodes it
#: as varints.
COPY = 0
CODES = {"i1": 1, "u1": 2, "b1": 2, "i2": 3, "u2": 4, "i4": 5, "u4": 6, "i8": 7}
_SIZES = np.array([0, 1, 1, 2, 2, 4, 4, 8], np.int64)

_TILE_BYTES = 32 << 10
_HEADER, _FOOTER = 12, 4


@njit(nogil=True, cache=True)
def fill(out: int, length: int, fields: npt.NDArray[np.int64], start: int, rows: int) -> None:
    """Write the values and checksums of some rows into framed records.

    Args:
        out: Address of `rows` framed records that already hold every byte except values and record checksums.
        length: Record length in bytes, without framing.
        fields: int64 [fields, 5], one row a field: offset in the framed record, bytes per item, items, address of
            the column's first value, code.
        start: First row of the columns to write.
        rows: Number of rows.
    """
    framed = length + 16
    tile = max(4, _TILE_BYTES // framed)
    for first in range(0, rows, tile):
        count = min(tile, rows - first)
        base = out + first * framed
        for field in fields:
            if field[CODE] == COPY:
                _fill_bytes(base, framed, field, start + first, count)
            else:
                _fill_varints(base, framed, field, start + first, count)
        _checksums(base, length, count)


@njit(nogil=True, cache=True)
def _fill_bytes(base: int, framed: int, field: npt.NDArray[np.int64], start: int, count: int) -> None:
    width, target = field[WIDTH] * field[ITEMS], base + field[OFFSET]
    source = field[SOURCE] + start * width
    if width == 4:
        for row in range(count):
            store_u32(target + row * framed, load_u32(source + row * 4))
        return
    for row in range(count):
        copy_bytes(target + row * framed, source + row * width, width)


@njit(nogil=True, cache=True)
def _fill_varints(base: int, framed: int, field: npt.NDArray[np.int64], start: int, count: int) -> None:
    width, items, code = field[WIDTH], field[ITEMS], field[CODE]
    size = _SIZES[code]
    source = field[SOURCE] + start * items * size
    for row in range(count):
        target = base + field[OFFSET] + row * framed
        for item in range(items):
            _write_varint(target + item * width, _integer(source + (row * items + item) * size, code), width)


@njit(nogil=True, cache=True, inline="always")
def _write_varint(target: int, value: Any, width: int) -> None:
    """Write a varint padded to `width` bytes: seven bits in each, the high bit set in all but the last."""
    bits = np.uint64(value)
    if width == 10:  # the width of an int64 that may be negative
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
    """Distribute the low 56 bits over eight bytes, seven bits to a byte.

    A varint encoder usually loops over bytes. This is the same shift in three steps on one 64-bit word (SWAR, SIMD
    within a register): split it into halves of 28 bits, then quarters of 14, then eighths of 7. The technique is the
    expand operation of Warren, "Hacker's Delight" (2nd ed., chapter 7), for groups of seven bits.
    """
    bits &= np.uint64(0x00FFFFFFFFFFFFFF)
    bits = (bits & np.uint64(0x000000000FFFFFFF)) | ((bits & np.uint64(0x00FFFFFFF0000000)) << np.uint64(4))
    bits = (bits & np.uint64(0x00003FFF00003FFF)) | ((bits & np.uint64(0x0FFFC0000FFFC000)) << np.uint64(2))
    return (bits & np.uint64(0x007F007F007F007F)) | ((bits & np.uint64(0x3F803F803F803F80)) << np.uint64(1))


@njit(nogil=True, cache=True, inline="always")
def _integer(address: int, code: int) -> Any:
    """Load an integer of the type that `code` names, as int64."""
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
        a, b, c, d = strided_crcs(record, framed, length)
        footer = record + length
        store_u32(footer, mask_crc(a))
        store_u32(footer + framed, mask_crc(b))
        store_u32(footer + 2 * framed, mask_crc(c))
        store_u32(footer + 3 * framed, mask_crc(d))
        row += 4
    for last in range(row, count):
        record = base + last * framed + _HEADER
        store_u32(record + length, mask_crc(compute_crc(record, length)))
