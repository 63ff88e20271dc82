"""Working ahead: the same items, one at a time in two places of memory, errors where they belong."""

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firelib.tfrecord.write.double_buffer import ahead


@given(st.lists(st.none() | st.integers()))
def test_the_same_items(items: list[int | None]) -> None:
    assert list(ahead(items)) == items


def test_memory_for_two_items_is_enough() -> None:
    places = [[0], [0]]

    def numbers() -> Iterator[list[int]]:
        for number in range(1000):
            places[number % 2][0] = number
            yield places[number % 2]

    assert [place[0] for place in ahead(numbers())] == list(range(1000))


def test_the_next_item_is_made_while_one_is_in_use() -> None:
    made = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        made.set()
        yield 2

    left = ahead(items())
    assert next(left) == 1
    assert made.wait(timeout=60)
    assert list(left) == [2]


def test_an_error_comes_after_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("the second is broken")

    left = ahead(items())
    assert next(left) == 1
    with pytest.raises(ValueError, match="the second is broken"):
        next(left)


def test_who_stops_early_leaves_no_thread() -> None:
    left = ahead(iter(range(10)))
    next(left)
    left.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ahead")]
