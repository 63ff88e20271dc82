"""Read the units of a source in parallel and give their rows in order, with a bound on the bytes in memory."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from queue import Full, Queue
from threading import Event, Thread
from typing import Any, Generic, TypeVar

from firelib.machine import usable_cores

#: Gets the number of bytes of the source that were read since the last call.
Report = Callable[[int], None]

_AHEAD_BYTES = 128 * 2**20  # of rows that were read, or are being read, before they are wanted
_LARGE_BYTES = 96 * 2**20  # a unit with more rows is read batch by batch when it is wanted
_MOST_WORKERS = 8
_ITEMS_AHEAD = 1
_POLL_SECONDS = 0.1

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
        return read_in_background(self.unit.read()) if self._results is None else iter(self._results.result())

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


def read_in_background(items: Iterator[T]) -> Iterator[T]:
    """The items of an iterator, of which another thread gets the next ones while one is in use.

    Args:
        items: The iterator. At most three of its items are in memory.
    """
    ready: Queue[tuple[bool, Any]] = Queue(_ITEMS_AHEAD)
    closed = Event()

    def put(is_item: bool, value: Any) -> None:
        while not closed.is_set():
            with suppress(Full):
                ready.put((is_item, value), timeout=_POLL_SECONDS)
                return

    def fill() -> None:
        try:
            for item in items:
                put(True, item)
                if closed.is_set():
                    return
            put(False, None)
        except BaseException as error:  # noqa: BLE001  it is raised where the items are used
            put(False, error)

    thread = Thread(target=fill, name="read-ahead", daemon=True)
    thread.start()
    try:
        while (found := ready.get())[0]:
            yield found[1]
        if found[1] is not None:
            raise found[1]
    finally:
        closed.set()
        thread.join()


def _fits(unit: Unit[T], ahead: deque[_Ahead[T]], workers: int) -> bool:
    held = sum(min(each.unit.nbytes, _LARGE_BYTES) for each in ahead)
    return len(ahead) <= workers and held + min(unit.nbytes, _LARGE_BYTES) <= _AHEAD_BYTES


def _finish(ahead: deque[_Ahead[T]], report: Report | None) -> Iterator[T]:
    first = ahead[0]
    yield from first.results()
    ahead.popleft()
    if report is not None:
        report(first.unit.source_bytes)
