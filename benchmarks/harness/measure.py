"""Interleaved timing: each round runs every way once, so that other load on the machine affects all ways alike.

Each round starts with another way, so that the after-effects of one do not always hit the same other. A way's turn
lasts at least half a second: short runs are repeated, and their median counts, so that neither the previous way nor a
single interruption decides the result.
"""

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firelib.console import note

RESULTS = Path(__file__).parents[1] / "results"

_LOAD_BEFORE = os.getloadavg()[0]  # load of other work, measured before the benchmark starts


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
    """

    run: Callable[[], float | None]
    settings: str
    rows: int
    before: Callable[[], None] = nothing
    after: Callable[[], None] = nothing


@dataclass(frozen=True)
class Pair:
    """A comparison.

    Attributes:
        ours: One way.
        peer: The other way; its rate is the divisor.
        goal: The target ratio; None if the comparison has no target.
    """

    ours: str
    peer: str
    goal: float | None = None


def interleaved(ways: Mapping[str, Way], rounds: int, turn_seconds: float = 0.5) -> dict[str, list[float]]:
    """Measure the rows per second of each way in each round, after one round that warms caches and compilers.

    Args:
        ways: Name → way.
        rounds: Number of measured rounds.
        turn_seconds: Minimum duration of a turn, in which a way runs at least once.

    Returns:
        Name → rows per second in each round.
    """
    rates: dict[str, list[float]] = {name: [] for name in ways}
    names = list(ways)
    for index in range(rounds + 1):
        begin = index % len(names)
        for name in names[begin:] + names[:begin]:
            seconds = statistics.median(_turn(ways[name], turn_seconds))
            if index:
                rates[name].append(ways[name].rows / seconds)
    return rates


def _turn(way: Way, seconds: float) -> list[float]:
    """Run a way until the turn is over; return the seconds of each run."""
    begin, runs = time.perf_counter(), [timed(way)]
    while time.perf_counter() - begin < seconds:
        runs.append(timed(way))
    return runs


def timed(way: Way) -> float:
    """Measure the seconds of one run."""
    way.before()
    start = time.perf_counter()
    try:
        own = way.run()
        seconds = time.perf_counter() - start
    finally:
        way.after()
    return seconds if own is None else own


def present(makers: Mapping[str, Callable[[], Way]]) -> tuple[dict[str, Way], dict[str, str]]:
    """Build the ways that this machine can run.

    Returns:
        Name → way; and the name of each missing way → the reason.
    """
    ways, absent = {}, {}
    for name, make in makers.items():
        try:
            ways[name] = make()
        except Exception as error:  # noqa: BLE001  a peer may raise anything; the others are still measured
            absent[name] = f"{type(error).__name__}: {error}"
            note(f"{name} is omitted: {absent[name]}")
    return ways, absent


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, minimum and maximum."""
    return {"value": statistics.median(values), "low": min(values), "high": max(values)}


def ratios(rates: Mapping[str, list[float]], ours: str, peer: str) -> dict[str, float]:
    """Speed-up over a peer in each round: median, minimum and maximum."""
    return spread([mine / theirs for mine, theirs in zip(rates[ours], rates[peer], strict=True)])


def finding(what: str, values: Mapping[str, float], unit: str, goal: str = "") -> dict[str, Any]:
    """Build a line of the report.

    Args:
        what: Name of the value.
        values: The result of `spread`.
        unit: Unit of the value.
        goal: The target with its comparison, as in `≥ 0.7`.
    """
    return {"what": what, **values, "unit": unit, "goal": goal}


def compared(
    title: str,
    ways: Mapping[str, Way],
    rates: Mapping[str, list[float]],
    pairs: Sequence[Pair],
    absent: Mapping[str, str],
) -> dict[str, Any]:
    """Build a case of the report: the rate of each way, and the ratio of each pair whose ways were both measured."""
    bars = [{"name": name, **spread(rates[name]), "settings": way.settings} for name, way in ways.items()]
    findings = [
        finding(f"{pair.ours} ÷ {pair.peer}", ratios(rates, pair.ours, pair.peer), "×", _at_least(pair.goal))
        for pair in pairs
        if pair.ours in ways and pair.peer in ways
    ]
    return {"title": title, "unit": "rows/s", "bars": bars, "findings": findings, "absent": dict(absent)}


def save(name: str, question: str, cases: Sequence[Mapping[str, Any]]) -> Path:
    """Write results/<name>.json.

    Args:
        name: Name of the benchmark.
        question: The question that it answers, in one line.
        cases: Cases, each with a title, a unit, bars and findings.
    """
    RESULTS.mkdir(exist_ok=True)
    machine = {
        "cores": os.cpu_count(),
        "cpu": platform.machine(),
        "python": platform.python_version(),
        "load_before": round(_LOAD_BEFORE, 1),
    }
    content = {"name": name, "question": question, "machine": machine, "cases": list(cases)}
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    return path


def _at_least(goal: float | None) -> str:
    return "" if goal is None else f"≥ {goal:g}"
