"""An iterator that prefetches: the next item is produced in a thread while the caller uses the current one."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def prefetch(items: Iterable[Item]) -> Iterator[Item]:
    """Iterate over items while a thread produces the next one.

    An item is valid until the next one is requested; producers must double-buffer.

    Args:
        items: The items; one thread consumes this iterable.

    Yields:
        The items, in order.

    Raises:
        Exception: The producer's exception, after all items before it.
    """
    source = iter(items)
    with ThreadPoolExecutor(1, "firelib-prefetch") as thread:
        pending = thread.submit(_next, source)
        while item := pending.result():
            pending = thread.submit(_next, source)
            yield item[0]


def _next(items: Iterator[Item]) -> tuple[Item] | None:
    """The next item in a tuple, so that an item may be None or false; None at the end."""
    for item in items:
        return (item,)
    return None
