"""Read the units of a source in parallel and give their rows in order, with a bound on the bytes in memory."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import pyarrow as pa

from firelib.machine import usable_cores

#: Gets the number of bytes of the source that were read since the last call.
Report = Callable[[int], None]

_AHEAD_BYTES = 128 * 2**20  # of rows that were read, or are being read, before they are wanted
_LARGE_BYTES = 96 * 2**20  # a unit with more rows is read batch by batch when it is wanted
_MOST_WORKERS = 8


@dataclass(frozen=True)
class Unit:
    """Part of a source that one task reads: a row group, a block of a text file, a small file.

    Attributes:
        read: Reads its rows, in tables of bounded size.
        nbytes: Estimated size of all of its rows in memory, in bytes.
        source_bytes: Its size in the source, in bytes.
    """

    read: Callable[[], Iterator[pa.Table]]
    nbytes: int
    source_bytes: int

    def map(self, convert: Callable[[pa.Table], pa.Table]) -> "Unit":
        """The unit with a function applied to each table."""
        read = self.read
        return replace(self, read=lambda: map(convert, read()))


class _Ahead:
    """A unit that is being read; one that is too large waits until it is wanted."""

    def __init__(self, unit: Unit, pool: ThreadPoolExecutor) -> None:
        self.unit = unit
        self._tables: Future[list[pa.Table]] | None = None
        if unit.nbytes <= _LARGE_BYTES:
            self._tables = pool.submit(lambda: list(unit.read()))

    def tables(self) -> Iterator[pa.Table]:
        yield from self.unit.read() if self._tables is None else self._tables.result()

    def cancel(self) -> None:
        if self._tables is not None:
            self._tables.cancel()


def read_in_order(units: Iterator[Unit], report: Report | None = None) -> Iterator[pa.Table]:
    """The tables of all units, in the order of the units.

    Args:
        units: The units. An iterator that reads blocks of a file is asked for the next one only when there is memory.
        report: Gets the bytes of the source of each unit whose rows were given.
    """
    workers = min(usable_cores(), _MOST_WORKERS)
    ahead: deque[_Ahead] = deque()
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


def _fits(unit: Unit, ahead: deque[_Ahead], workers: int) -> bool:
    held = sum(min(each.unit.nbytes, _LARGE_BYTES) for each in ahead)
    return len(ahead) <= workers and held + min(unit.nbytes, _LARGE_BYTES) <= _AHEAD_BYTES


def _finish(ahead: deque[_Ahead], report: Report | None) -> Iterator[pa.Table]:
    first = ahead[0]
    yield from first.tables()
    ahead.popleft()
    if report is not None:
        report(first.unit.source_bytes)
