"""Interleaved timing: each round runs every way once, so that other load on the machine affects all ways alike.

Each round has an order of its own, so that the after-effects of one way do not always hit the same other. A way's turn
lasts at least half a second: short runs are repeated, and their median counts, so that neither the previous way nor a
single interruption decides the result.
"""

import os
import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from benchmarks.harness.rounds import repeat_rounds
from benchmarks.harness.usage import Counters, read_counters, read_peak_mib, reset_peaks
from benchmarks.harness.variables import RESULTS_VARIABLE
from firelib.console import note


def nothing() -> None:
    """Do nothing: the default before and after a run."""


@dataclass(frozen=True)
class Way:
    """One way to do the job.

    Attributes:
        run: Does the job once. It returns the seconds that count if the caller cannot measure them: another process
            does, or they are a difference.
        settings: Its settings, for the report.
        rows: Number of rows per run; slow ways get fewer rows, since rates are compared.
        before: Called before each run, outside of the timer.
        after: Called after each run, outside of the timer; ends processes that would take cores from the next way.
        counts_cpu: Whether what this process and its descendants use in a run is what its rows cost: not if the seconds
            are a difference, or if processes elsewhere do the work.
    """

    run: Callable[[], float | None]
    settings: str
    rows: int
    before: Callable[[], None] = nothing
    after: Callable[[], None] = nothing
    counts_cpu: bool = True


class Rates(dict[str, list[float]]):
    """Name of a way → rows per second in each round.

    Attributes:
        usage: Name of a way → what its runs used, as in `schema.Usage`.
        calls: Number of each round among all rounds that were run, from 0: those of warm-up and repeated ones are
            missing. For figures that a way collects itself.
    """

    usage: dict[str, dict[str, Any]]
    calls: list[int]

    @classmethod
    def from_turns(cls, ways: Mapping[str, Way], rounds: "Mapping[int, Mapping[str, Turn]]") -> Self:
        """Build the rates of ways from their turns in each round."""
        turns = {name: [each[name] for each in rounds.values()] for name in ways}
        rates = cls({name: [ways[name].rows / turn.seconds for turn in own] for name, own in turns.items()})
        rates.usage = {name: _usage(ways[name], own) for name, own in turns.items()}
        rates.calls = list(rounds)
        return rates

    def renamed(self, names: Mapping[str, str]) -> "Rates":
        """Some of the rates under other names.

        Args:
            names: New name → present name.
        """
        rates = Rates({new: self[old] for new, old in names.items()})
        rates.usage = {new: self.usage[old] for new, old in names.items()}
        rates.calls = self.calls
        return rates


@dataclass(frozen=True)
class Turn:
    """The runs of a way in a round; medians, and the peak of all.

    Attributes:
        seconds: Seconds of a run.
        counters: What a run used.
        peak_mib: Peak memory in MiB.
    """

    seconds: float
    counters: Counters
    peak_mib: float


def interleaved(ways: Mapping[str, Way], rounds: int, turn_seconds: float = 0.5, warmups: int = 1) -> Rates:
    """Measure the rows per second of each way in each round, after one run of each that warms caches and compilers.

    Args:
        ways: Name → way.
        rounds: Number of measured rounds; disturbed ones are repeated.
        turn_seconds: Minimum duration of a turn, in which a way runs at least once.
        warmups: Runs of each way before the first round; 0 if each has run before.

    Returns:
        Name → rows per second in each round.
    """

    def measure(call: int) -> dict[str, Turn]:
        seconds = 0 if call < warmups else turn_seconds
        return {name: _take_turn(ways[name], seconds) for name in order(list(ways), call)}

    return Rates.from_turns(ways, repeat_rounds(measure, rounds, warmups))


def order(names: Sequence[str], call: int) -> list[str]:
    """Shuffle the ways of a round: each round, each process of a question and each set of ways has an order of its own.

    Args:
        names: The ways.
        call: Number of the round.
    """
    process = Path(os.environ.get(RESULTS_VARIABLE, "")).name  # `firelib bench` numbers the processes' folders
    seed = f"{process} {call} {names}"
    return random.Random(seed).sample(names, len(names))  # noqa: S311  no secret


def _take_turn(way: Way, seconds: float) -> Turn:
    """Run a way until the turn is over."""
    reset_peaks()
    begin, runs = time.perf_counter(), [_run(way)]
    while time.perf_counter() - begin < seconds:
        runs.append(_run(way))
    cpu = statistics.mean(counters.cpu_seconds for _, counters in runs)  # its clock is too coarse for a median
    faults = round(statistics.median(counters.minor_faults for _, counters in runs))
    return Turn(statistics.median(seconds for seconds, _ in runs), Counters(cpu, faults), read_peak_mib())


def timed(way: Way) -> float:
    """Measure the seconds of one run."""
    return _run(way)[0]


def _run(way: Way) -> tuple[float, Counters]:
    way.before()
    try:
        before = read_counters()
        start = time.perf_counter()
        own = way.run()
        seconds = time.perf_counter() - start
        used = read_counters() - before
    finally:
        way.after()
    return seconds if own is None else own, used


def _usage(way: Way, turns: list[Turn]) -> dict[str, Any]:
    if not way.counts_cpu:
        return {"rows": way.rows}
    return {
        "rows": way.rows,
        "cpu_seconds": [turn.counters.cpu_seconds for turn in turns],
        "peak_mib": [round(turn.peak_mib, 1) for turn in turns],
        "minor_faults": [turn.counters.minor_faults for turn in turns],
    }


def present(makers: Mapping[str, Callable[[], Way]]) -> tuple[dict[str, Way], dict[str, str]]:
    """Build the ways that this machine can run.

    Returns:
        Name → way; and the name of each missing way → the reason.

    Raises:
        Exception: A way of firelib, whose name begins so, cannot be built: only peers may be missing.
    """
    ways, absent = {}, {}
    for name, make in makers.items():
        try:
            ways[name] = make()
        except Exception as error:  # a peer may raise anything; the others are still measured
            if name.startswith("firelib"):
                raise
            absent[name] = f"{type(error).__name__}: {error}"
            note(f"{name} is omitted: {absent[name]}")
    return ways, absent
