"""Work that is repeated after preemptions."""

from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firelib.launch.client.capacity.model.preemption import expected_seconds


def test_without_losses_work_takes_its_time():
    assert expected_seconds(1000, 0, 60, 30) == 1000


def test_the_formula_is_what_a_simulation_gives():
    random, total = np.random.default_rng(0), 0.0
    rounds, work, rate, interval, recovery = 400, 1200.0, 1 / 300, 60.0, 30.0
    for _ in range(rounds):
        total += _simulate(random, work, rate, interval, recovery)
    assert expected_seconds(work, rate, interval, recovery) == pytest.approx(total / rounds, rel=0.05)


def _simulate(random, work, rate, interval, recovery):
    """Seconds of one run; a loss can also interrupt a recovery."""
    now, done, needs = 0.0, 0.0, 0.0
    while done < work:
        attempt, life = needs + interval, random.exponential(1 / rate)
        if life < attempt:
            now, needs = now + life, recovery
        else:
            now, needs, done = now + attempt, 0.0, done + interval
    return now


def test_work_without_checkpoints_starts_over():
    assert expected_seconds(1000, 1 / 1000, inf, 0) == pytest.approx(1000 * (np.e - 1))


def test_hopeless_work_never_ends():
    assert expected_seconds(1e9, 1.0, inf, 0) == inf


@given(st.floats(1, 1e5), st.floats(1e-9, 1e-2), st.floats(1e-9, 1e-2))
def test_more_losses_never_take_less_time(work, few, many):
    few, many = sorted((few, many))
    assert work <= expected_seconds(work, few, 60, 30) * (1 + 1e-9)
    assert expected_seconds(work, few, 60, 30) <= expected_seconds(work, many, 60, 30) * (1 + 1e-9)
