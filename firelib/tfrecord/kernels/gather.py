"""Kernel that decodes fixed-layout records into columns, in any row order; the inverse of `kernels.fixed.fill`."""

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from firelib.tfrecord.kernels.fixed import CODE, COPY, ITEMS, OFFSET, SOURCE, WIDTH
from firelib.tfrecord.kernels.raw_memory import (
    copy_bytes,
    load_u8,
    load_u32,
    load_u64,
    store_u8,
    store_u16,
    store_u32,
    store_u64,
)

#: Sixth column of the table of record fields that `gather` takes; `kernels.fixed` defines the others.
BATCH_STRIDE = 5

_TILE_ROWS = 64
_SIZES = np.array([0, 1, 1, 2, 2, 4, 4, 8], np.int64)


@njit(nogil=True, cache=True)
def gather(buffer: int, framed: int, index: npt.NDArray[np.int64], fields: npt.NDArray[np.int64]) -> None:
    """Decode records into columns.

    Args:
        buffer: Address of framed records of one length.
        framed: Bytes from one record to the next.
        index: Index of each record to decode, in output order: int64 [batches, rows].
        fields: int64 [fields, 6]: the columns of `kernels.fixed.fill`, with the address of the output column as the
            source, then bytes from one batch of the output column to the next.
    """
    for batch in range(index.shape[0]):
        for first in range(0, index.shape[1], _TILE_ROWS):
            rows = index[batch, first : first + _TILE_ROWS]
            for field in fields:
                target = field[SOURCE] + batch * field[BATCH_STRIDE]
                if field[CODE] == COPY:
                    _take_bytes(buffer + field[OFFSET], framed, rows, field, target, first)
                else:
                    _take_varints(buffer + field[OFFSET], framed, rows, field, target, first)


@njit(nogil=True, cache=True)
def _take_bytes(
    base: int, framed: int, rows: npt.NDArray[np.int64], field: npt.NDArray[np.int64], target: int, first: int
) -> None:
    width = field[WIDTH] * field[ITEMS]
    target += first * width
    if width == 4:
        for index in range(len(rows)):
            store_u32(target + index * 4, load_u32(base + rows[index] * framed))
        return
    for index in range(len(rows)):
        copy_bytes(target + index * width, base + rows[index] * framed, width)


@njit(nogil=True, cache=True)
def _take_varints(
    base: int, framed: int, rows: npt.NDArray[np.int64], field: npt.NDArray[np.int64], target: int, first: int
) -> None:
    width, items = field[WIDTH], field[ITEMS]
    size = _SIZES[field[CODE]]
    target += first * items * size
    for row in rows:
        source = base + row * framed
        for item in range(items):
            put_integer(target, _get_varint(source + item * width, width), size)
            target += size


@njit(nogil=True, cache=True, inline="always")
def _get_varint(source: int, width: int) -> Any:
    """Decode a varint of exactly `width` bytes."""
    if width == 10:
        bits = _squeeze(load_u64(source)) | ((np.uint64(load_u8(source + 8)) & np.uint64(0x7F)) << np.uint64(56))
        return bits | (np.uint64(load_u8(source + 9)) << np.uint64(63))
    bits = np.uint64(0)
    for byte in range(width):
        bits |= (np.uint64(load_u8(source + byte)) & np.uint64(0x7F)) << np.uint64(7 * byte)
    return bits


@njit(nogil=True, cache=True, inline="always")
def _squeeze(bits: Any) -> Any:
    """Concatenate the low seven bits of eight bytes into 56 bits: the steps of `kernels.fixed._spread` in reverse."""
    bits &= np.uint64(0x7F7F7F7F7F7F7F7F)
    bits = (bits & np.uint64(0x007F007F007F007F)) | ((bits & np.uint64(0x7F007F007F007F00)) >> np.uint64(1))
    bits = (bits & np.uint64(0x00003FFF00003FFF)) | ((bits & np.uint64(0x3FFF00003FFF0000)) >> np.uint64(2))
    return (bits & np.uint64(0x000000000FFFFFFF)) | ((bits & np.uint64(0x0FFFFFFF00000000)) >> np.uint64(4))


@njit(nogil=True, cache=True, inline="always")
def put_integer(target: int, bits: Any, size: int) -> None:
    """Store the low `size` bytes: a cast to a narrower integer keeps them."""
    if size == 8:
        store_u64(target, bits)
    elif size == 4:
        store_u32(target, np.uint32(bits))
    elif size == 2:
        store_u16(target, np.uint16(bits))
    else:
        store_u8(target, np.uint8(bits))
