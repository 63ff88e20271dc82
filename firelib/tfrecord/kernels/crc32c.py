"""CRC-32C kernels: the CPU's instruction where it exists, otherwise eight lookup tables ("slicing by 8").

Polynomial and bit order: RFC 3720, appendix B.4. Tables: Kounavis and Berry, "A Systematic Approach to Building High
Performance, Software-based, CRC Generators" (2005).
Interleaving: one chain of CRC32 instructions is bound by the instruction's latency of three cycles, while the CPU can
start one in every cycle. See Gueron, "Speeding up CRC32C computations with Intel CRC32 instruction" (Information
Processing Letters 112, 2012). That paper splits one buffer and recombines the parts. TFRecord files hold many
independent records, so these kernels run four records side by side and need no recombination.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import binding, ir
from numba import njit, types
from numba.extending import intrinsic

from firelib.tfrecord.kernels.raw_memory import load_u8, load_u32, load_u64

_POLYNOMIAL = 0x82F63B78  # bit-reversed, since CRC-32C processes the least significant bit first
_MASK_DELTA = np.uint32(0xA282EAD8)

#: Whether this CPU has the CRC32 instruction (SSE 4.2).
HARDWARE = bool(binding.get_host_cpu_features().get("sse4.2", False))


def _tables() -> npt.NDArray[np.uint32]:
    """Lookup tables, uint32 [8, 256]: table *k* holds the CRC of each byte followed by *k* zero bytes."""
    crc = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        crc = (crc >> np.uint32(1)) ^ np.where(crc & 1, np.uint32(_POLYNOMIAL), np.uint32(0))
    tables = [crc]
    for _ in range(7):
        tables.append((tables[-1] >> np.uint32(8)) ^ tables[0][tables[-1] & 0xFF])
    return np.stack(tables).astype(np.uint32)


_TABLES = _tables()


def _registers() -> npt.NDArray[np.uint32]:
    """Registers, uint32 [8]: after *k* zero bytes, the one with index *k* is that from which every CRC starts."""
    registers, first = [0xFFFFFFFF], _TABLES[0].tolist()
    by_high_byte = {value >> 24: byte for byte, value in enumerate(first)}
    for _ in range(7):
        byte = by_high_byte[registers[-1] >> 24]
        registers.append(((registers[-1] ^ first[byte]) << 8 | byte) & 0xFFFFFFFF)
    return np.array(registers, np.uint32)


_REGISTERS = _registers()


def _instruction(name: str, bits: int) -> Any:
    """A Numba intrinsic for LLVM's CRC32 instruction that consumes `bits` bits."""
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
    """Extend an interleaved CRC by the remaining `count` bytes and complement it."""
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
    """CRC-32C of `count` bytes at an address, by the CPU's instruction."""
    return _finish(np.uint64(0xFFFFFFFF), address, count)


@njit(nogil=True, cache=True)
def crc_table(address: int, count: int) -> Any:
    """CRC-32C of `count` bytes at an address, by lookup tables."""
    crc, whole = np.uint32(0xFFFFFFFF), count & ~7
    for index in range(0, whole, 8):
        word = load_u64(address + index) ^ np.uint64(crc)
        crc = np.uint32(0)
        for byte in range(8):
            crc ^= _TABLES[7 - byte, (word >> np.uint64(8 * byte)) & np.uint64(0xFF)]
    for index in range(whole, count):
        crc = (crc >> np.uint32(8)) ^ _TABLES[0, (crc ^ np.uint32(load_u8(address + index))) & np.uint32(0xFF)]
    return np.uint32(~np.uint32(crc))


@njit(nogil=True, cache=True, inline="always")
def _begin(record: int, count: int) -> Any:
    """The CRC register after the first word of a record, so that a whole number of words of eight bytes follows.

    The word may begin before the record. Its bytes there count as zeros, for which the register makes up: unlike the
    last bytes of a record, the first ones then need no branches.
    """
    spare = -count & 7
    word = load_u64(record - spare) >> np.uint64(8 * spare) << np.uint64(8 * spare)
    return _step8(np.uint64(_REGISTERS[spare]), word)


@njit(nogil=True, cache=True, inline="always")
def _extend(crc: Any, address: int, words: int) -> Any:
    """Extend a CRC register by words of eight bytes, and complement it."""
    for index in range(0, 8 * words, 8):
        crc = _step8(crc, load_u64(address + index))
    return np.uint32(~np.uint32(crc))


@njit(nogil=True, cache=True)
def four_crcs_hardware(one: int, two: int, three: int, four: int, counts: Any) -> tuple[Any, Any, Any, Any]:
    """CRCs of four records, interleaved up to the shortest length.

    The instruction has a latency of three cycles and a throughput of one per cycle, so four chains keep it busy.

    Args:
        one: Address of the first record; the seven bytes before each record must be readable.
        two: Address of the second record.
        three: Address of the third record.
        four: Address of the fourth record.
        counts: Length of each record in bytes, four integers.

    Returns:
        Four CRCs, uint32.
    """
    if min(counts[0], counts[1], counts[2], counts[3]) == 0:
        return (
            crc_hardware(one, counts[0]),
            crc_hardware(two, counts[1]),
            crc_hardware(three, counts[2]),
            crc_hardware(four, counts[3]),
        )
    a, b, c, d = _begin(one, counts[0]), _begin(two, counts[1]), _begin(three, counts[2]), _begin(four, counts[3])
    left = ((counts[0] - 1) >> 3, (counts[1] - 1) >> 3, (counts[2] - 1) >> 3, (counts[3] - 1) >> 3)
    one, two = one + counts[0] - 8 * left[0], two + counts[1] - 8 * left[1]
    three, four = three + counts[2] - 8 * left[2], four + counts[3] - 8 * left[3]
    common = min(left[0], left[1], left[2], left[3])
    for index in range(0, 8 * common, 8):
        a = _step8(a, load_u64(one + index))
        b = _step8(b, load_u64(two + index))
        c = _step8(c, load_u64(three + index))
        d = _step8(d, load_u64(four + index))
    return (
        _extend(a, one + 8 * common, left[0] - common),
        _extend(b, two + 8 * common, left[1] - common),
        _extend(c, three + 8 * common, left[2] - common),
        _extend(d, four + 8 * common, left[3] - common),
    )


@njit(nogil=True, cache=True)
def word_crc_hardware(address: int) -> Any:
    """CRC-32C of the eight bytes at an address, by the CPU's instruction."""
    return np.uint32(~np.uint32(_step8(np.uint64(0xFFFFFFFF), load_u64(address))))


@njit(nogil=True, cache=True)
def word_crc_table(address: int) -> Any:
    """CRC-32C of the eight bytes at an address, by lookup tables."""
    return crc_table(address, 8)


@njit(nogil=True, cache=True)
def four_crcs_table(one: int, two: int, three: int, four: int, counts: Any) -> tuple[Any, Any, Any, Any]:
    """CRCs of four records, by lookup tables."""
    return (
        crc_table(one, counts[0]),
        crc_table(two, counts[1]),
        crc_table(three, counts[2]),
        crc_table(four, counts[3]),
    )


# Numba's cache is keyed by the CPU, so another machine compiles and chooses again.
compute_crc = crc_hardware if HARDWARE else crc_table
compute_four_crcs = four_crcs_hardware if HARDWARE else four_crcs_table
compute_word_crc = word_crc_hardware if HARDWARE else word_crc_table


@njit(nogil=True, cache=True, inline="always")
def mask_crc(crc: Any) -> Any:
    """Mask a CRC as TFRecord framing stores it (`Mask` in tensorflow/core/lib/hash/crc32c.h)."""
    return np.uint32(((crc >> np.uint32(15)) | (crc << np.uint32(17))) + _MASK_DELTA)


@njit(nogil=True, cache=True)
def strided_crcs(address: int, stride: int, count: int) -> Any:
    """CRCs of four records of `count` bytes each whose addresses are `stride` bytes apart."""
    counts = (count, count, count, count)
    return compute_four_crcs(address, address + stride, address + 2 * stride, address + 3 * stride, counts)


@njit(nogil=True, cache=True)
def find_damaged_fixed(address: int, stride: int, rows: int, size: int, size_crc: int) -> int:
    """Find the first damaged record among framed records of one length.

    Args:
        address: Address of the first frame.
        stride: Bytes from one frame to the next.
        rows: Number of frames.
        size: Record length in bytes that every header must state.
        size_crc: Masked CRC of that length.

    Returns:
        Index of the first record with a wrong length or CRC; -1 if all are intact.
    """
    for row in range(rows):
        frame = address + row * stride
        if load_u64(frame) != np.uint64(size) or load_u32(frame + 8) != np.uint32(size_crc):
            return row
    row = 0
    while row + 4 <= rows:
        record = address + row * stride + 12
        crcs = strided_crcs(record, stride, size)
        for index in range(4):
            if load_u32(record + index * stride + size) != mask_crc(crcs[index]):
                return row + index
        row += 4
    for last in range(row, rows):
        record = address + last * stride + 12
        if load_u32(record + size) != mask_crc(compute_crc(record, size)):
            return last
    return -1


@njit(nogil=True, cache=True)
def find_damaged(base: int, begins: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]) -> int:
    """Find the first damaged record among framed records of any length.

    Args:
        base: Address of the buffer.
        begins: Offset of each frame's first byte, int64 [records].
        ends: Offset of the byte after each frame, int64 [records].

    Returns:
        Index of the first record with a wrong length or CRC; -1 if all are intact.
    """
    for row in range(len(begins)):
        frame, size = base + begins[row], ends[row] - begins[row] - 16
        if size < 0 or load_u64(frame) != np.uint64(size) or load_u32(frame + 8) != mask_crc(compute_word_crc(frame)):
            return row
    row = 0
    while row < len(begins):
        crcs = frame_crcs(base, begins, ends, row)
        for index in range(min(4, len(begins) - row)):
            if load_u32(base + ends[row + index] - 4) != mask_crc(crcs[index]):
                return row + index
        row += 4
    return -1


@njit(nogil=True, cache=True)
def frame_crcs(base: int, begins: npt.NDArray[np.int64], ends: npt.NDArray[np.int64], row: int) -> Any:
    """CRCs of the records in the four frames from `row` on; the last frame stands in for frames after the end."""
    last = len(begins) - 1
    two, three, four = min(row + 1, last), min(row + 2, last), min(row + 3, last)
    counts = (
        ends[row] - begins[row] - 16,
        ends[two] - begins[two] - 16,
        ends[three] - begins[three] - 16,
        ends[four] - begins[four] - 16,
    )
    record = base + 12
    return compute_four_crcs(
        record + begins[row], record + begins[two], record + begins[three], record + begins[four], counts
    )
