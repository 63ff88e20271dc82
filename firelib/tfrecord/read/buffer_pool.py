"""Reuse buffers: the first write to a new memory page costs as much as filling it."""

from collections import defaultdict, deque

import numpy as np
import numpy.typing as npt

_ALIGNMENT = 64  # bytes; TensorFlow copies buffers that are not aligned to this


class BufferPool:
    """Allocates aligned byte arrays, whose memory returns to the pool when no array refers to it any more."""

    def __init__(self) -> None:
        # Free buffers by size. Deques are atomic: a buffer may return at any point, from `__del__` in any thread.
        self._free: defaultdict[int, deque[npt.NDArray[np.uint8]]] = defaultdict(deque)

    def empty(self, size: int) -> npt.NDArray[np.uint8]:
        """An uninitialised uint8 array of `size` bytes."""
        free = self._free[1 << size.bit_length()]
        try:
            buffer = free.pop()
        except IndexError:
            buffer = np.empty((1 << size.bit_length()) + _ALIGNMENT, np.uint8)
        return np.asarray(_Lease(buffer, size, free))


class _Lease:
    """An aligned part of a buffer, which returns to the pool when the last array that refers to it is deleted."""

    def __init__(self, buffer: npt.NDArray[np.uint8], size: int, free: deque[npt.NDArray[np.uint8]]) -> None:
        self._buffer, self._free = buffer, free
        address = buffer.ctypes.data
        aligned = address + -address % _ALIGNMENT
        self.__array_interface__ = {"version": 3, "typestr": "|u1", "shape": (size,), "data": (aligned, False)}

    def __del__(self) -> None:
        self._free.append(self._buffer)
