"""A fixed piece of work, which takes longer only if the machine is slower than before.

Other work on the host of a virtual machine is invisible from inside, but it takes cores, clock speed and memory
bandwidth. Each round is therefore framed by a fixed computation and a fixed copy in memory, on all cores at once.
"""

import hashlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from firelib.machine import usable_cores

Arrays = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]

_MOST_THREADS = 4
_BLOCK, _BLOCKS = 1 << 20, 48  # hashed: fits into a core's own cache
_COPIED, _COPIES = 48 << 20, 2  # bytes per thread: larger than its share of the last cache


@dataclass(frozen=True)
class Calibration:
    """Seconds of the fixed work.

    Attributes:
        compute: SHA-256 of a block in the cache.
        memory: Copies of an array that no cache holds.
    """

    compute: float
    memory: float


def calibrate() -> Calibration:
    """Do the fixed work on all usable cores, at most four, and time the slowest of them."""
    threads = min(usable_cores(), _MOST_THREADS)
    arrays = [(np.ones(_COPIED, np.uint8), np.empty(_COPIED, np.uint8)) for _ in range(threads)]
    for source, target in arrays:
        np.copyto(target, source)  # the kernel maps the pages now, not under the timer
    with ThreadPoolExecutor(threads) as pool:

        def seconds(work: Callable[[Arrays], None]) -> float:
            start = time.perf_counter()
            list(pool.map(work, arrays))
            return time.perf_counter() - start

        seconds(_do_nothing)  # starts the threads
        return Calibration(seconds(_hash), seconds(_copy))


def _do_nothing(_: Arrays) -> None:
    pass


def _hash(arrays: Arrays) -> None:
    digest, block = hashlib.sha256(), arrays[0][:_BLOCK].data
    for _ in range(_BLOCKS):
        digest.update(block)  # without the GIL


def _copy(arrays: Arrays) -> None:
    for _ in range(_COPIES):
        np.copyto(arrays[1], arrays[0])
