"""Loads, stores and copies at raw addresses, for compiled kernels: one signature serves every column's type.

Addresses are those of NumPy arrays (`array.ctypes.data`), which the caller keeps alive; nothing is bounds-checked.
"""

from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic


def _pointer(builder: Any, address: Any, bits: int) -> Any:
    return builder.inttoptr(address, ir.IntType(bits).as_pointer())


def _load(bits: int, result: Any) -> Any:
    @intrinsic
    def load(context: Any, address: Any) -> Any:
        def generate(_: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.load(_pointer(builder, args[0], bits), align=1)

        return result(types.intp), generate

    return load


def _store(bits: int, value_type: Any) -> Any:
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
    """A copy of so many bytes, in the registers for vectors."""

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

_LONG = 1024  # from this length on, a call of memcpy is faster than a loop

#: Bytes behind its target that `copy_over` may write to.
SLACK = 64


@njit(nogil=True, cache=True, inline="always")
def copy_over(target: int, source: int, count: int, end: int) -> None:
    """Copy by vectors and so up to SLACK bytes too many: no branch depends on the length of what is short.

    Args:
        target: Address; what is written behind the copy is to be overwritten next, or room.
        source: Address.
        count: Bytes.
        end: Address behind what may be read.
    """
    if count >= _LONG or source + count + SLACK > end:
        copy_bytes(target, source, count)
        return
    copy_64(target, source)
    for index in range(64, count, 64):
        copy_64(target + index, source + index)
