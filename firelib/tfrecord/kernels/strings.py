"""Compiled loops of string columns: trailing NULs, and varints of lengths."""

from numba import njit

from firelib.tfrecord.kernels.canonical import Ints, put_varint
from firelib.tfrecord.kernels.raw_memory import copy_bytes, load_u8, load_u64


@njit(nogil=True, cache=True)
def strip_strings(source: int, width: int, target: int, ends: Ints) -> None:
    """Move strings of a constant width together, without their trailing NULs."""
    for row in range(len(ends) - 1):
        length, begin = width, source + row * width
        while length >= 8 and load_u64(begin + length - 8) == 0:
            length -= 8
        while length > 0 and load_u8(begin + length - 1) == 0:
            length -= 1
        copy_bytes(target + ends[row], begin, length)
        ends[row + 1] = ends[row] + length


@njit(nogil=True, cache=True)
def put_lengths(target: int, lengths: Ints) -> int:
    """Varints of lengths; returns how many bytes they take."""
    end = target
    for length in lengths:
        end = put_varint(end, length)
    return end - target
