"""Emulated accelerators."""

import time
from collections.abc import Iterator
from itertools import repeat

import pytest

from benchmarks.input.accelerator import BUSY, search, utilization, utilizations


def batches(seconds: float) -> Iterator[None]:
    """A pipeline that needs so long for a batch."""
    while True:
        time.sleep(seconds)
        yield None


def test_accelerators_wait_for_a_pipeline_that_is_too_slow() -> None:
    slow = utilization(batches(0.05), 4, step_seconds=0.05, seconds=0.4)
    assert slow < 0.5  # one batch in the time of a step, for four of them
    assert slow < utilization(repeat(None), 4, step_seconds=0.05, seconds=0.4) <= 1


def test_pipeline_that_feeds_no_accelerator() -> None:
    answer = utilizations(lambda: batches(0.05), step_seconds=0.01, warm_seconds=0, trial_seconds=0.2)
    assert answer["accelerators"] == 0
    assert [number for number, _ in answer["trials"]] == [1]


def test_error_of_the_pipeline_is_raised() -> None:
    def broken() -> Iterator[None]:
        yield None
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        utilization(broken(), 2, step_seconds=0.01, seconds=60)


@pytest.mark.parametrize("estimate", [1.0, 9.0, 10.0, 11.0, 12.0, 40.0, 1000.0])
def test_search_ends_at_the_border(estimate: float) -> None:
    trials = search(lambda number: min(1.0, 10 / number), estimate)
    fed = [trial.accelerators for trial in trials if trial.utilization >= BUSY]
    assert max(fed) == 11
    assert any(trial.accelerators == 12 for trial in trials)
    assert len(trials) <= 12


def test_search_is_as_exact_as_a_sixteenth_and_ends_where_all_are_fed() -> None:
    far = search(lambda number: min(1.0, 300 / number), 1000)
    fed = max(trial.accelerators for trial in far if trial.utilization >= BUSY)
    assert 300 / BUSY * 15 / 16 - 1 <= fed <= 300 / BUSY
    assert all(trial.utilization == 1 for trial in search(lambda _: 1.0, 100))
    assert [trial.accelerators for trial in search(lambda _: 0.0, 3)] == [3, 1]
