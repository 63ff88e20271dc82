"""Read the units of a source in parallel and give their rows in order, with a bound on the bytes in memory."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from firelib.machine import usable_cores

#: Gets the number of bytes of the source that were read since the last call.
Report = Callable[[int], None]

_AHEAD_BYTES = 128 * 2**20  # of rows that were read, or are being read, before they are wanted
_LARGE_BYTES = 96 * 2**20  # a unit with more rows is read batch by batch when it is wanted
_MOST_WORKERS = 8

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True)
class Unit(Generic[T]):
    """Part of a source that one task reads: a row group, a block of a text file, a small file.

    Attributes:
        read: Reads it: its rows in tables of bounded size, or what it says about types.
        nbytes: Estimated size of all of its rows in memory, in bytes.
        source_bytes: Its size in the source, in bytes.
    """

    read: Callable[[], Iterator[T]]
    nbytes: int
    source_bytes: int

    def map(self, convert: Callable[[T], U]) -> "Unit[U]":
        """The unit with a function applied to each result."""
        return Unit(lambda: map(convert, self.read()), self.nbytes, self.source_bytes)


class _Ahead(Generic[T]):
    """A unit that is being read; one that is too large waits until it is wanted."""

    def __init__(self, unit: Unit[T], pool: ThreadPoolExecutor) -> None:
        self.unit = unit
        self._results: Future[list[T]] | None = None
        if unit.nbytes <= _LARGE_BYTES:
            self._results = pool.submit(lambda: list(unit.read()))

    def results(self) -> Iterator[T]:
        yield from self.unit.read() if self._results is None else self._results.result()

    def cancel(self) -> None:
        if self._results is not None:
            self._results.cancel()


def read_in_order(units: Iterator[Unit[T]], report: Report | None = None) -> Iterator[T]:
    """The results of all units, in the order of the units.

    Args:
        units: The units. An iterator that reads blocks of a file is asked for the next one only when there is memory.
        report: Gets the bytes of the source of each unit whose results were given.
    """
    workers = min(usable_cores(), _MOST_WORKERS)
    ahead: deque[_Ahead[T]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for unit in units:
                while ahead and not _fits(unit, ahead, workers):
                    yield from _finish(ahead, report)
                ahead.append(_Ahead(unit, pool))
            while ahead:
                yield from _finish(ahead, report)
        finally:
            for each in ahead:
                each.cancel()


def _fits(unit: Unit[T], ahead: deque[_Ahead[T]], workers: int) -> bool:
    held = sum(min(each.unit.nbytes, _LARGE_BYTES) for each in ahead)
    return len(ahead) <= workers and held + min(unit.nbytes, _LARGE_BYTES) <= _AHEAD_BYTES


def _finish(ahead: deque[_Ahead[T]], report: Report | None) -> Iterator[T]:
    first = ahead[0]
    yield from first.results()
    ahead.popleft()
    if report is not None:
        report(first.unit.source_bytes)
