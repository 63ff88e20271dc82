"""CRC-32C in compiled code: the CPU's instruction where there is one, else eight tables ("slicing by 8").

Polynomial and bit order: RFC 3720, appendix B.4. Tables: Kounavis & Berry, "A Systematic Approach to Building High
Performance Software-based CRC Generators" (2005).
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import binding, ir
from numba import njit, types
from numba.extending import intrinsic

from firelib.tfrecord.kernels.raw_memory import load_u8, load_u32, load_u64

_POLYNOMIAL = 0x82F63B78  # reversed
_MASK_DELTA = np.uint32(0xA282EAD8)

#: Whether this CPU has the instruction (SSE 4.2).
HARDWARE = bool(binding.get_host_cpu_features().get("sse4.2", False))


def _tables() -> npt.NDArray[np.uint32]:
    """Table *k*: the CRC of a byte that *k* zero bytes follow."""
    crc = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        crc = (crc >> np.uint32(1)) ^ np.where(crc & 1, np.uint32(_POLYNOMIAL), np.uint32(0))
    tables = [crc]
    for _ in range(7):
        tables.append((tables[-1] >> np.uint32(8)) ^ tables[0][tables[-1] & 0xFF])
    return np.stack(tables).astype(np.uint32)


_TABLES = _tables()


def _instruction(name: str, bits: int) -> Any:
    crc_bits = 64 if bits == 64 else 32
    crc_type = types.uint64 if bits == 64 else types.uint32
    value_type = {64: types.uint64, 32: types.uint32, 8: types.uint8}[bits]

    @intrinsic
    def step(context: Any, crc: Any, value: Any) -> Any:
        def generate(_: Any, builder: Any, signature: Any, args: Any) -> Any:
            kind = ir.FunctionType(ir.IntType(crc_bits), [ir.IntType(crc_bits), ir.IntType(bits)])
            function = builder.module.declare_intrinsic(name, fnty=kind)
            return builder.call(function, args)

        return crc_type(crc_type, value_type), generate

    return step


_step8 = _instruction("llvm.x86.sse42.crc32.64.64", 64)
_step4 = _instruction("llvm.x86.sse42.crc32.32.32", 32)
_step1 = _instruction("llvm.x86.sse42.crc32.32.8", 8)


@njit(nogil=True, cache=True, inline="always")
def _finish(crc: Any, address: int, count: int) -> Any:
    """The CRC with some more bytes, complemented."""
    while count >= 8:
        crc = _step8(crc, load_u64(address))
        address += 8
        count -= 8
    short = np.uint32(crc)
    if count >= 4:
        short = _step4(short, load_u32(address))
        address += 4
        count -= 4
    for index in range(count):
        short = _step1(short, load_u8(address + index))
    return np.uint32(~short)


@njit(nogil=True, cache=True)
def crc_hardware(address: int, count: int) -> Any:
    """CRC-32C of `count` bytes at an address."""
    return _finish(np.uint64(0xFFFFFFFF), address, count)


@njit(nogil=True, cache=True)
def crc_table(address: int, count: int) -> Any:
    """The same without the instruction."""
    crc, whole = np.uint32(0xFFFFFFFF), count & ~7
    for index in range(0, whole, 8):
        word = load_u64(address + index) ^ np.uint64(crc)
        crc = np.uint32(0)
        for byte in range(8):
            crc ^= _TABLES[7 - byte, (word >> np.uint64(8 * byte)) & np.uint64(0xFF)]
    for index in range(whole, count):
        crc = (crc >> np.uint32(8)) ^ _TABLES[0, (crc ^ np.uint32(load_u8(address + index))) & np.uint32(0xFF)]
    return np.uint32(~np.uint32(crc))


@njit(nogil=True, cache=True)
def four_hardware(one: int, two: int, three: int, four: int, counts: Any) -> tuple[Any, Any, Any, Any]:
    """CRCs of four records, side by side as far as the shortest goes: steps take three cycles, but one starts in each.

    Args:
        one: Address of the first; and so on.
        counts: Bytes of each.
    """
    a = b = c = d = np.uint64(0xFFFFFFFF)
    common = min(counts[0], counts[1], counts[2], counts[3]) & ~7
    for index in range(0, common, 8):
        a = _step8(a, load_u64(one + index))
        b = _step8(b, load_u64(two + index))
        c = _step8(c, load_u64(three + index))
        d = _step8(d, load_u64(four + index))
    return (
        _finish(a, one + common, counts[0] - common),
        _finish(b, two + common, counts[1] - common),
        _finish(c, three + common, counts[2] - common),
        _finish(d, four + common, counts[3] - common),
    )


@njit(nogil=True, cache=True)
def four_table(one: int, two: int, three: int, four: int, counts: Any) -> tuple[Any, Any, Any, Any]:
    """The same without the instruction."""
    return (
        crc_table(one, counts[0]),
        crc_table(two, counts[1]),
        crc_table(three, counts[2]),
        crc_table(four, counts[3]),
    )


# Compiled code is cached by CPU, so the choice below is made anew on another machine.
crc_of = crc_hardware if HARDWARE else crc_table
crcs_of_four = four_hardware if HARDWARE else four_table


@njit(nogil=True, cache=True, inline="always")
def masked(crc: Any) -> Any:
    """Rotated and offset, as TFRecord framing stores it."""
    return np.uint32(((crc >> np.uint32(15)) | (crc << np.uint32(17))) + _MASK_DELTA)


@njit(nogil=True, cache=True)
def four_apart(address: int, stride: int, count: int) -> Any:
    """CRCs of four records of `count` bytes, `stride` bytes apart."""
    counts = (count, count, count, count)
    return crcs_of_four(address, address + stride, address + 2 * stride, address + 3 * stride, counts)


@njit(nogil=True, cache=True)
def masked_crcs(address: int, stride: int, count: int, out: npt.NDArray[np.uint32]) -> None:
    """Masked CRCs of len(out) records of `count` bytes, `stride` bytes apart."""
    row = 0
    while row + 4 <= len(out):
        a, b, c, d = four_apart(address + row * stride, stride, count)
        out[row], out[row + 1], out[row + 2], out[row + 3] = masked(a), masked(b), masked(c), masked(d)
        row += 4
    for last in range(row, len(out)):
        out[last] = masked(crc_of(address + last * stride, count))


@njit(nogil=True, cache=True)
def first_damaged(address: int, stride: int, rows: int, size: int, size_crc: int) -> int:
    """The first of some framed records, `stride` bytes apart, whose length or CRC is wrong; -1 if none is.

    Args:
        address: Of the first record's frame.
        stride: Bytes of a framed record.
        rows: How many.
        size: The length that every header should say.
        size_crc: Its masked CRC.
    """
    for row in range(rows):
        frame = address + row * stride
        if load_u64(frame) != np.uint64(size) or load_u32(frame + 8) != np.uint32(size_crc):
            return row
    row = 0
    while row + 4 <= rows:
        record = address + row * stride + 12
        found = four_apart(record, stride, size)
        for place in range(4):
            if load_u32(record + place * stride + size) != masked(found[place]):
                return row + place
        row += 4
    for last in range(row, rows):
        record = address + last * stride + 12
        if load_u32(record + size) != masked(crc_of(record, size)):
            return last
    return -1


@njit(nogil=True, cache=True)
def first_damaged_of(base: int, begins: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]) -> int:
    """The first of framed records of any length whose length or CRC is wrong; -1 if none is.

    Args:
        base: Address of the buffer.
        begins: Where each frame begins in it.
        ends: Where it ends.
    """
    for row in range(len(begins)):
        frame, size = base + begins[row], ends[row] - begins[row] - 16
        if size < 0 or load_u64(frame) != np.uint64(size) or load_u32(frame + 8) != masked(crc_of(frame, 8)):
            return row
    row = 0
    while row < len(begins):
        found = crcs_behind(base, begins, ends, row)
        for place in range(min(4, len(begins) - row)):
            if load_u32(base + ends[row + place] - 4) != masked(found[place]):
                return row + place
        row += 4
    return -1


@njit(nogil=True, cache=True)
def crcs_behind(base: int, begins: npt.NDArray[np.int64], ends: npt.NDArray[np.int64], row: int) -> Any:
    """CRCs of the records in four frames from `row` on; behind the last frame, of the last one again."""
    last = len(begins) - 1
    two, three, four = min(row + 1, last), min(row + 2, last), min(row + 3, last)
    counts = (
        ends[row] - begins[row] - 16,
        ends[two] - begins[two] - 16,
        ends[three] - begins[three] - 16,
        ends[four] - begins[four] - 16,
    )
    record = base + 12
    return crcs_of_four(
        record + begins[row], record + begins[two], record + begins[three], record + begins[four], counts
    )
