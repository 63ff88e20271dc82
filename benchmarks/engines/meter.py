"""Seconds, processor time and memory of a job and of all processes that work for it."""

import time
from collections.abc import Iterator, Sequence

import psutil


class Meter:
    """Measures the block that it is entered for.

    Args:
        others: Ids of processes outside of this one that also work for the job, with all of their children.

    Attributes:
        seconds: Wall time of the block.
        cpu_seconds: Processor time of this process, `others`, and the children of all, within the block.
    """

    def __init__(self, others: Sequence[int] = ()) -> None:
        self._roots = [psutil.Process().pid, *others]
        self.seconds = self.cpu_seconds = 0.0

    def __enter__(self) -> "Meter":
        self._cpu = _cpu_seconds(self._roots)
        self._started = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._started
        self.cpu_seconds = _cpu_seconds(self._roots) - self._cpu


def memory_mib(roots: Sequence[int], with_children: bool = True) -> float:
    """Memory of processes in MiB: PSS, which counts shared memory once.

    Args:
        roots: Ids of the processes.
        with_children: Whether to add their children, and those of these.
    """
    total = 0.0
    for process in _descend(roots, with_children):
        try:
            total += process.memory_full_info().pss / 2**20
        except (psutil.NoSuchProcess, psutil.AccessDenied):  # it ended meanwhile
            continue
    return total


def _cpu_seconds(roots: Sequence[int]) -> float:
    """Processor time since the processes started; that of a child which has ended is in its parent's."""
    total = 0.0
    for process in _descend(roots):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def _descend(roots: Sequence[int], with_children: bool = True) -> Iterator[psutil.Process]:
    for root in roots:
        try:
            process = psutil.Process(root)
            yield from [process, *(process.children(recursive=True) if with_children else [])]
        except psutil.NoSuchProcess:
            continue
