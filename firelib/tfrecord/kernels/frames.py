"""Kernel that finds the records of a TFRecord file by the lengths in their headers."""

from typing import Any

import numpy as np
from numba import njit

from firelib.tfrecord.kernels.locate import Ints
from firelib.tfrecord.kernels.raw_memory import load_u32


@njit(nogil=True, cache=True)
def scan(base: int, size: int, out: Ints) -> tuple[Any, Any]:
    """Find where framed records end, from the lengths in their headers. Checksums are not verified.

    Args:
        base: Address of the buffer.
        size: Bytes of the buffer.
        out: Output, int64: the end of each record, as many as fit. Call again with a longer array for all of them.

    Returns:
        Number of whole records, and the offset where the last one ends.
    """
    rows: Any = 0
    at: Any = 0
    while at + 16 <= size:
        low, high = load_u32(base + at), load_u32(base + at + 4)
        length: Any = np.int64(low) | (np.int64(high) << 32)
        if length < 0 or length > size - at - 16:  # compared without a sum, which could overflow
            break
        at += 16 + length
        if rows < len(out):
            out[rows] = at
        rows += 1
    return rows, at
