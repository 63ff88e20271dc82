"""Rounds of measurement, with the state of the machine in each; disturbed rounds are repeated."""

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from benchmarks.harness.calibration import Calibration, calibrate
from benchmarks.harness.conditions import Clock, Load
from benchmarks.harness.schema import Round
from firelib.console import note

T = TypeVar("T")

SLOWER_COMPUTE, SLOWER_MEMORY = 1.15, 1.3  # times the median of the calibrations so far
MOST_STEAL = 0.05

_FIRST_CALIBRATIONS = 3

_recorded: list[Round] = []  # `save` stores them with the result that they belong to


def take_recorded_rounds() -> list[Round]:
    """Forget the rounds that this process has measured since the last call, and return them, repeated ones included."""
    taken = list(_recorded)
    _recorded.clear()
    return taken


def repeat_rounds(measure: Callable[[int], T], rounds: int, warmups: int = 1) -> dict[int, T]:
    """Measure rounds until enough of them were undisturbed, or as many were repeated as were asked for.

    A round is disturbed if the fixed work before or after it took longer than usual, or if the host took cores away.

    Args:
        measure: Measures a round; it gets the number of the call, from 0.
        rounds: Number of rounds that count.
        warmups: Calls before the first round, which do not count: they fill caches and compile.

    Returns:
        Number of the call → result, for the rounds that count.
    """
    for call in range(warmups):
        measure(call)
    watch, kept, repeats = _Watch(), dict[int, T](), 0
    call = warmups
    while len(kept) < rounds:
        result, state = watch.observe(partial(measure, call))
        if state.disturbed and repeats < rounds:
            repeats += 1
            note(f"a round is repeated: {'; '.join(state.disturbed)}")
        else:
            kept[call], state.counts = result, True
        _recorded.append(state)
        call += 1
    return kept


class _Watch:
    """Frames rounds with calibrations."""

    def __init__(self) -> None:
        self._calibrations = [calibrate() for _ in range(_FIRST_CALIBRATIONS)]

    def observe(self, measure: Callable[[], T]) -> tuple[T, Round]:
        """Measure a round; return its result and the state of the machine."""
        before, clock, start = self._calibrations[-1], Clock.now(), time.perf_counter()
        result = measure()
        seconds, load = time.perf_counter() - start, Clock.now().load_since(clock)
        after = calibrate()
        self._calibrations.append(after)
        worst = Calibration(max(before.compute, after.compute), max(before.memory, after.memory))
        usual = Calibration(
            statistics.median(each.compute for each in self._calibrations),
            statistics.median(each.memory for each in self._calibrations),
        )
        state = Round(
            seconds=seconds,
            compute_ms=1000 * worst.compute,
            memory_ms=1000 * worst.memory,
            steal=load.steal,
            others=load.others,
            disturbed=find_disturbances(worst, usual, load),
        )
        return result, state


def find_disturbances(worst: Calibration, usual: Calibration, load: Load) -> list[str]:
    """Say what disturbed a round.

    Args:
        worst: The slower of the calibrations before and after it.
        usual: The median of all calibrations so far.
        load: Load during the round.

    Returns:
        A phrase for each disturbance.
    """
    compute, memory = worst.compute / usual.compute, worst.memory / usual.memory
    found = {
        f"the fixed computation took {compute:.2f} × as long as usual": compute > SLOWER_COMPUTE,
        f"the fixed copy took {memory:.2f} × as long as usual": memory > SLOWER_MEMORY,
        f"the host took {100 * load.steal:.0f} % of the cores": load.steal > MOST_STEAL,
    }
    return [phrase for phrase, holds in found.items() if holds]
