"""Rows of a buffer of fixed-layout records to columns, in any order and in one pass; the inverse of `fixed_kernel`."""

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

JUMP = 5

_TILE_ROWS = 64
_SIZES = np.array([0, 1, 1, 2, 2, 4, 4, 8], np.int64)


@njit(nogil=True, cache=True)
def gather(buffer: int, framed: int, index: npt.NDArray[np.int64], slots: npt.NDArray[np.int64]) -> None:
    """Write columns.

    Args:
        buffer: Address of framed records of one length.
        framed: That length.
        index: Which records, in the order wanted: [batches, rows].
        slots: int64 [slots, 6]: the columns of `fixed_kernel.fill`, the addresses those of the columns to write,
            and bytes from one batch's column to the next one's.
    """
    for batch in range(index.shape[0]):
        for first in range(0, index.shape[1], _TILE_ROWS):
            rows = index[batch, first : first + _TILE_ROWS]
            for slot in slots:
                target = slot[SOURCE] + batch * slot[JUMP]
                if slot[CODE] == COPY:
                    _take_bytes(buffer + slot[OFFSET], framed, rows, slot, target, first)
                else:
                    _take_varints(buffer + slot[OFFSET], framed, rows, slot, target, first)


@njit(nogil=True, cache=True)
def _take_bytes(
    base: int, framed: int, rows: npt.NDArray[np.int64], slot: npt.NDArray[np.int64], target: int, first: int
) -> None:
    width = slot[WIDTH] * slot[ITEMS]
    target += first * width
    if width == 4:
        for place in range(len(rows)):
            store_u32(target + place * 4, load_u32(base + rows[place] * framed))
        return
    for place in range(len(rows)):
        copy_bytes(target + place * width, base + rows[place] * framed, width)


@njit(nogil=True, cache=True)
def _take_varints(
    base: int, framed: int, rows: npt.NDArray[np.int64], slot: npt.NDArray[np.int64], target: int, first: int
) -> None:
    width, items = slot[WIDTH], slot[ITEMS]
    size = _SIZES[slot[CODE]]
    target += first * items * size
    for row in rows:
        source = base + row * framed
        for item in range(items):
            _put_integer(target, _get_varint(source + item * width, width), size)
            target += size


@njit(nogil=True, cache=True, inline="always")
def _get_varint(source: int, width: int) -> Any:
    """A varint of `width` bytes."""
    if width == 10:
        bits = _squeeze(load_u64(source)) | ((np.uint64(load_u8(source + 8)) & np.uint64(0x7F)) << np.uint64(56))
        return bits | (np.uint64(load_u8(source + 9)) << np.uint64(63))
    bits = np.uint64(0)
    for byte in range(width):
        bits |= (np.uint64(load_u8(source + byte)) & np.uint64(0x7F)) << np.uint64(7 * byte)
    return bits


@njit(nogil=True, cache=True, inline="always")
def _squeeze(bits: Any) -> Any:
    """Seven bits of each of eight bytes, side by side."""
    bits &= np.uint64(0x7F7F7F7F7F7F7F7F)
    bits = (bits & np.uint64(0x007F007F007F007F)) | ((bits & np.uint64(0x7F007F007F007F00)) >> np.uint64(1))
    bits = (bits & np.uint64(0x00003FFF00003FFF)) | ((bits & np.uint64(0x3FFF00003FFF0000)) >> np.uint64(2))
    return (bits & np.uint64(0x000000000FFFFFFF)) | ((bits & np.uint64(0x0FFFFFFF00000000)) >> np.uint64(4))


@njit(nogil=True, cache=True, inline="always")
def _put_integer(target: int, bits: Any, size: int) -> None:
    """The low `size` bytes: casting between integers keeps those."""
    if size == 8:
        store_u64(target, bits)
    elif size == 4:
        store_u32(target, np.uint32(bits))
    elif size == 2:
        store_u16(target, np.uint16(bits))
    else:
        store_u8(target, np.uint8(bits))
