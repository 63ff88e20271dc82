"""Seconds, processor time and memory of a job and of all processes that work for it."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Self

import psutil

from benchmarks.harness.process_times import ProcessTimes


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

    def __enter__(self) -> Self:
        self._times = ProcessTimes(self._roots)
        self._sampling = ExitStack()
        self._sampling.enter_context(self._times.sampled())
        self._started = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._started
        self._sampling.close()
        self.cpu_seconds = self._times.read()


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


def _descend(roots: Sequence[int], with_children: bool = True) -> Iterator[psutil.Process]:
    for root in roots:
        try:
            process = psutil.Process(root)
            yield from [process, *(process.children(recursive=True) if with_children else [])]
        except psutil.NoSuchProcess:
            continue
