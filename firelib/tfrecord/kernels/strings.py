"""Kernels for string columns: strip trailing NULs, join spans, encode lengths as varints."""

from numba import njit

from firelib.tfrecord.kernels.canonical import Ints
from firelib.tfrecord.kernels.raw_memory import copy_bytes, copy_with_slack, load_u8, load_u64
from firelib.tfrecord.kernels.wire import write_varint


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
def span_offsets(spans: Ints, offsets: Ints) -> None:
    """Compute where the strings of some spans lie in their concatenation.

    Args:
        spans: int64 [strings, 2]: offset in the buffer and length.
        offsets: Output, int64 [strings + 1]: where each string begins, and the end of the last.
    """
    end = 0
    for row in range(len(spans)):
        offsets[row] = end
        end += spans[row, 1]
    offsets[len(spans)] = end


@njit(nogil=True, cache=True)
def join_spans(base: int, size: int, spans: Ints, target: int) -> None:
    """Concatenate the strings of some spans.

    Args:
        base: Address of the buffer.
        size: Bytes of the buffer.
        spans: int64 [strings, 2]: offset in the buffer and length.
        target: Address of the output, with room for all strings and SLACK more.
    """
    for row in range(len(spans)):
        copy_with_slack(target, base + spans[row, 0], spans[row, 1], base + size)
        target += spans[row, 1]


@njit(nogil=True, cache=True)
def write_lengths(target: int, lengths: Ints) -> int:
    """Write lengths as consecutive varints; return the number of bytes written."""
    end = target
    for length in lengths:
        end = write_varint(end, length)
    return end - target
