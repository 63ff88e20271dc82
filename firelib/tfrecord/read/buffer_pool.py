"""Memory that is used again: new pages cost as much as reading them full."""

from collections import defaultdict, deque

import numpy as np
import numpy.typing as npt

_ALIGN = 64  # TensorFlow copies memory that is not aligned to this


class MemoryPool:
    """Gives arrays of bytes, aligned; their memory comes back by itself when nothing refers to it any more."""

    def __init__(self) -> None:
        # By size. Queues need no lock: memory may come back in the midst of anything.
        self._free: defaultdict[int, deque[npt.NDArray[np.uint8]]] = defaultdict(deque)

    def empty(self, size: int) -> npt.NDArray[np.uint8]:
        """An array of `size` bytes, with anything in them."""
        free = self._free[1 << size.bit_length()]
        try:
            memory = free.pop()
        except IndexError:
            memory = np.empty((1 << size.bit_length()) + _ALIGN, np.uint8)
        return np.asarray(_Lease(memory, size, free))


class _Lease:
    """Part of a piece of memory, while something refers to it."""

    def __init__(self, memory: npt.NDArray[np.uint8], size: int, free: deque[npt.NDArray[np.uint8]]) -> None:
        self._memory, self._free = memory, free
        address = memory.ctypes.data
        aligned = address + -address % _ALIGN
        self.__array_interface__ = {"version": 3, "typestr": "|u1", "shape": (size,), "data": (aligned, False)}

    def __del__(self) -> None:
        self._free.append(self._memory)
