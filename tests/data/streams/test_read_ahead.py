import threading
from collections.abc import Iterator
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firelib.data.streams import read_ahead
from firelib.data.streams.read_ahead import Unit, read_in_background, read_in_order
from tests.patience import patience


def unit(*items: int, nbytes: int = 1) -> Unit[int]:
    return Unit(lambda: iter(items), nbytes, source_bytes=10 * len(items))


@given(st.lists(st.tuples(st.lists(st.integers(), max_size=3), st.sampled_from([1, 10**8, 10**9])), max_size=20))
@settings(max_examples=50, deadline=None)
def test_the_order_of_the_units_stays(units: list[tuple[list[int], int]]) -> None:
    read: list[int] = []
    found = list(read_in_order((unit(*items, nbytes=nbytes) for items, nbytes in units), read.append))
    assert found == [item for items, _ in units for item in items]
    assert read == [10 * len(items) for items, _ in units]


def test_units_are_read_in_parallel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_ahead, "usable_cores", lambda: 2)
    meeting = threading.Barrier(2, timeout=patience(30))

    def read() -> Iterator[int]:
        yield meeting.wait() * 0

    assert list(read_in_order(iter([Unit(read, 1, 1), Unit(read, 1, 1)]))) == [0, 0]


def test_units_wait_while_there_is_no_memory_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_ahead, "_AHEAD_BYTES", 100)
    held, most, lock = 0, 0, threading.Lock()

    def read(nbytes: int) -> Iterator[int]:
        nonlocal held, most
        with lock:
            held += nbytes
            most = max(most, held)
        yield nbytes

    for nbytes in read_in_order(Unit(partial(read, 40), 40, 0) for _ in range(50)):
        with lock:
            held -= nbytes
    assert 40 < most <= 120  # the unit in use, and those ahead


@pytest.mark.parametrize("nbytes", [1, 10**9])
def test_an_error_is_raised_in_its_turn(nbytes: int) -> None:
    def fail() -> Iterator[int]:
        yield 2
        raise ValueError("damaged")

    units = read_in_order(iter([unit(1), Unit(fail, nbytes, 1), unit(3)]))
    assert next(units) == 1
    with pytest.raises(ValueError, match="damaged"):
        list(units)


@pytest.mark.parametrize("nbytes", [1, 10**9])
def test_no_thread_is_left_when_reading_ends_early(nbytes: int) -> None:
    before = threading.active_count()
    units = read_in_order(unit(*range(1000), nbytes=nbytes) for _ in range(100))
    assert next(units) == 0
    units.close()
    assert threading.active_count() == before


def test_few_items_are_read_in_the_background() -> None:
    made: list[int] = []
    items = read_in_background(made.append(number) or number for number in range(100))  # type: ignore[func-returns-value]
    for number in items:
        assert len(made) <= number + 4
        if number == 50:
            break
    items.close()  # type: ignore[attr-defined]
    assert len(made) < 60
