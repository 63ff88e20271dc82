"""Prefetching: the same items, two buffers suffice, errors keep their position."""

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firelib.tfrecord.write.double_buffer import prefetch


@given(st.lists(st.none() | st.integers()))
def test_the_same_items(items: list[int | None]) -> None:
    assert list(prefetch(items)) == items


def test_two_buffers_are_enough() -> None:
    buffers = [[0], [0]]

    def numbers() -> Iterator[list[int]]:
        for number in range(1000):
            buffers[number % 2][0] = number
            yield buffers[number % 2]

    assert [buffer[0] for buffer in prefetch(numbers())] == list(range(1000))


def test_the_next_item_is_produced_while_one_is_in_use() -> None:
    produced = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        produced.set()
        yield 2

    prefetched = prefetch(items())
    assert next(prefetched) == 1
    assert produced.wait(timeout=60)
    assert list(prefetched) == [2]


def test_an_error_comes_after_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("the second is broken")

    prefetched = prefetch(items())
    assert next(prefetched) == 1
    with pytest.raises(ValueError, match="the second is broken"):
        next(prefetched)


def test_closing_early_ends_the_thread() -> None:
    prefetched = prefetch(iter(range(10)))
    next(prefetched)
    prefetched.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("firelib-prefetch")]
