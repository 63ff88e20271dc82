"""Loads, stores and copies at raw addresses, for kernels.

Kernels take addresses so that one compiled signature serves columns of every dtype. An address comes from a NumPy array
(`array.ctypes.data`) that the caller keeps alive. Nothing is bounds-checked.
"""

from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic


def _pointer(builder: Any, address: Any, bits: int) -> Any:
    return builder.inttoptr(address, ir.IntType(bits).as_pointer())


def _load(bits: int, result: Any) -> Any:
    """A Numba intrinsic that loads `bits` bits from an unaligned address."""

    @intrinsic
    def load(context: Any, address: Any) -> Any:
        def generate(_: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.load(_pointer(builder, args[0], bits), align=1)

        return result(types.intp), generate

    return load


def _store(bits: int, value_type: Any) -> Any:
    """A Numba intrinsic that stores `bits` bits at an unaligned address."""

    @intrinsic
    def store(context: Any, address: Any, value: Any) -> Any:
        def generate(ctx: Any, builder: Any, signature: Any, args: Any) -> Any:
            builder.store(args[1], _pointer(builder, args[0], bits), align=1)
            return ctx.get_dummy_value()

        return types.void(types.intp, value_type), generate

    return store


load_u8, load_i8 = _load(8, types.uint8), _load(8, types.int8)
load_u16, load_i16 = _load(16, types.uint16), _load(16, types.int16)
load_u32, load_i32 = _load(32, types.uint32), _load(32, types.int32)
load_u64, load_i64 = _load(64, types.uint64), _load(64, types.int64)
store_u8, store_u16 = _store(8, types.uint8), _store(16, types.uint16)
store_u32, store_u64 = _store(32, types.uint32), _store(64, types.uint64)


@intrinsic
def copy_bytes(context: Any, target: Any, source: Any, count: Any) -> Any:
    """Copy `count` bytes between addresses that do not overlap."""

    def generate(ctx: Any, builder: Any, signature: Any, args: Any) -> Any:
        cgutils.raw_memcpy(builder, _pointer(builder, args[0], 8), _pointer(builder, args[1], 8), args[2], 1)
        return ctx.get_dummy_value()

    return types.void(types.intp, types.intp, types.intp), generate


def _copy(count: int) -> Any:
    """A Numba intrinsic that copies `count` bytes through vector registers."""

    @intrinsic
    def copy(context: Any, target: Any, source: Any) -> Any:
        def generate(ctx: Any, builder: Any, signature: Any, args: Any) -> Any:
            vector = ir.VectorType(ir.IntType(64), count // 8).as_pointer()
            content = builder.load(builder.inttoptr(args[1], vector), align=1)
            builder.store(content, builder.inttoptr(args[0], vector), align=1)
            return ctx.get_dummy_value()

        return types.void(types.intp, types.intp), generate

    return copy


copy_32, copy_64 = _copy(32), _copy(64)

_LONG = 1024  # bytes from which a call of memcpy is faster than a loop of vector copies

#: Bytes that `copy_with_slack` may read or write beyond the end of its source and target.
SLACK = 64


@njit(nogil=True, cache=True, inline="always")
def copy_with_slack(target: int, source: int, count: int, end: int) -> None:
    """Copy whole vectors, up to SLACK bytes too many, so that no branch depends on the length of a short value.

    Args:
        target: Address to copy to. The SLACK bytes after the copy must be free: the caller overwrites them next.
        source: Address to copy from.
        count: Bytes to copy.
        end: Address of the byte after the readable memory.
    """
    if count >= _LONG or source + count + SLACK > end:
        copy_bytes(target, source, count)
        return
    copy_64(target, source)
    for index in range(64, count, 64):
        copy_64(target + index, source + index)
