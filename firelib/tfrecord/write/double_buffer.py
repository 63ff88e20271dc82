"""An iterator that works ahead: the next item is made in a thread while the caller uses the one it has."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def ahead(items: Iterable[Item]) -> Iterator[Item]:
    """Items as they come, the next one in the making while the caller has one.

    When an item is asked for, the one before is out of use: the one after may be made in its memory, so makers need
    memory for two.

    Raises:
        Exception: Whatever making an item raised, when it is asked for.
    """
    left = iter(items)
    with ThreadPoolExecutor(1, "ahead") as thread:
        coming = thread.submit(_next, left)
        while item := coming.result():
            coming = thread.submit(_next, left)
            yield item[0]


def _next(items: Iterator[Item]) -> tuple[Item] | None:
    for item in items:
        return (item,)
    return None
