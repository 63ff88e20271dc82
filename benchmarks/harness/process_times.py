"""CPU time of processes and of all that they start, also of those that end meanwhile.

The kernel adds the time of an ended process to its parent's, but only if the parent waits for it. Ray's raylet ignores
SIGCHLD, so what its ended workers have used would be lost. The last value seen of each process therefore counts where
its parent has less. It is at most as old as the interval of the samples.

It needs nothing but the standard library and psutil, since loaders in other environments import it.
"""

import ctypes
import os
import resource
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil

TICK = 1 / os.sysconf("SC_CLK_TCK")  # resolution of the kernel's times, in seconds

_INTERVAL_SECONDS = 0.5
_PR_SET_CHILD_SUBREAPER = 36  # of linux/prctl.h

#: Id of a process and the time of its start: ids are used again.
Key = tuple[int, float]


@dataclass
class _Process:
    """The last sample of a process.

    Attributes:
        parent: Its parent, where that is observed, too.
        own: Its CPU seconds.
        ended: CPU seconds of ended children that it has waited for.
        ended_first: The same in the first sample.
    """

    parent: Key | None
    own: float
    ended: float
    ended_first: float


class ProcessTimes:
    """CPU seconds of some processes and all their descendants.

    Args:
        roots: Ids of the processes; this one if empty.
    """

    def __init__(self, roots: Sequence[int] = ()) -> None:
        self._roots = list(roots) or [os.getpid()]
        self._known: dict[Key, _Process] = {}
        self._lock = threading.Lock()
        self._begin = self._total()

    def sample(self) -> None:
        """Remember the time of all processes that are running."""
        self._total()

    def read(self) -> float:
        """CPU seconds, user and system, since this object was created."""
        return self._total() - self._begin

    @contextmanager
    def sampled(self) -> Iterator[None]:
        """Sample again and again during a block."""
        with repeated(self.sample, _INTERVAL_SECONDS):
            yield

    def _total(self) -> float:
        with self._lock:
            alive = self._sample()
            ended: dict[Key | None, list[Key]] = defaultdict(list)
            for key in self._known.keys() - alive:
                parent = self._known[key].parent
                ended[parent if parent in self._known else None].append(key)
            return sum(self._used(key, ended) for key in [*alive, *ended[None]])

    def _used(self, key: Key, ended: dict[Key | None, list[Key]]) -> float:
        """CPU seconds of a process and of its ended children, whether it has waited for them or not."""
        process = self._known[key]
        seen = sum(self._used(child, ended) for child in ended.get(key, ()))
        return process.own + max(process.ended, process.ended_first + seen)

    def _sample(self) -> set[Key]:
        """Update what is known; return the processes that are alive."""
        found = {process.pid: process for process in _descend(self._roots)}
        keys: dict[int, Key] = {}
        for pid, process in found.items():
            with suppress(psutil.NoSuchProcess):
                keys[pid] = (pid, process.create_time())
        alive = set()
        for pid, key in keys.items():
            with suppress(psutil.NoSuchProcess):
                own, children = _read(found[pid])
                first = self._known[key].ended_first if key in self._known else children
                self._known[key] = _Process(keys.get(found[pid].ppid()), own, children, first)
                alive.add(key)
        return alive


@contextmanager
def repeated(action: Callable[[], object], seconds: float) -> Iterator[None]:
    """Call `action` in a thread again and again during a block, and once more at its end.

    Args:
        action: What to do.
        seconds: The pause between two calls.
    """
    done = threading.Event()

    def run() -> None:
        while not done.wait(seconds):
            action()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        action()


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends (Linux), so that they go on counting.

    Raises:
        OSError: The kernel refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _descend(roots: Sequence[int]) -> Iterator[psutil.Process]:
    for root in roots:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(root)
            yield from [process, *process.children(recursive=True)]


def _read(process: psutil.Process) -> tuple[float, float]:
    """CPU seconds of a process, and of the ended children that it has waited for."""
    if process.pid == os.getpid():  # finer than ticks
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return time.process_time(), children.ru_utime + children.ru_stime
    times = process.cpu_times()
    return times.user + times.system, times.children_user + times.children_system
