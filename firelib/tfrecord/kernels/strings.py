"""Kernels for string columns: strip trailing NULs, encode lengths as varints."""

from numba import njit

from firelib.tfrecord.kernels.canonical import Ints, write_varint
from firelib.tfrecord.kernels.raw_memory import copy_bytes, load_u8, load_u64


@njit(nogil=True, cache=True)
def strip_strings(source: int, width: int, target: int, ends: Ints) -> None:
    """Copy NUL-padded strings of one width into a contiguous buffer, without their padding.

    Args:
        source: Address of the first string.
        width: Bytes of a padded string.
        target: Address of the output buffer, at least `width` bytes for each string.
        ends: Output, int64 [strings + 1]: where each string ends in the buffer; `ends[0]` must be 0.
    """
    for row in range(len(ends) - 1):
        length, begin = width, source + row * width
        while length >= 8 and load_u64(begin + length - 8) == 0:
            length -= 8
        while length > 0 and load_u8(begin + length - 1) == 0:
            length -= 1
        copy_bytes(target + ends[row], begin, length)
        ends[row + 1] = ends[row] + length


@njit(nogil=True, cache=True)
def write_lengths(target: int, lengths: Ints) -> int:
    """Write lengths as consecutive varints; return the number of bytes written."""
    end = target
    for length in lengths:
        end = write_varint(end, length)
    return end - target
