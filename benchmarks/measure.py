"""Interleaved timing: each round runs every way once, so that what disturbs the machine disturbs all of them.

Rounds begin at another way each time: what one leaves behind does not always meet the same one. A way's turn lasts half
a second at least: a run of milliseconds is repeated and its median counts, so that neither the way before nor one
interruption decides it.
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

RESULTS = Path(__file__).parent / "results"

_LOAD_BEFORE = os.getloadavg()[0]  # of other work, since the benchmark has not begun


def nothing() -> None:
    """What most ways need before and after."""


@dataclass(frozen=True)
class Way:
    """One way to do the job.

    Attributes:
        run: Does it once. It may give the seconds that count, where they are not those that the caller waits: another
            process measured them, or they are a difference.
        settings: What was chosen for it, for the report.
        rows: Rows that those seconds are for; slow ways get fewer, rates stay comparable.
        before: Runs ahead of each time, outside the timer.
        after: Runs behind it, outside the timer: what is left running would take cores from the next way.
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
        peer: The other; its rate is the divisor.
        goal: The ratio that was aimed at; None for a comparison that is only told.
    """

    ours: str
    peer: str
    goal: float | None = None


def interleaved(ways: Mapping[str, Way], rounds: int, turn_seconds: float = 0.5) -> dict[str, list[float]]:
    """Rows per second of each way in each round; one more run before, to warm caches and compilers."""
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
    """Seconds of each run, as many as fit."""
    begin, runs = time.perf_counter(), [timed(way)]
    while time.perf_counter() - begin < seconds:
        runs.append(timed(way))
    return runs


def timed(way: Way) -> float:
    """Seconds of one run."""
    way.before()
    start = time.perf_counter()
    try:
        own = way.run()
        seconds = time.perf_counter() - start
    finally:
        way.after()
    return seconds if own is None else own


def present(makers: Mapping[str, Callable[[], Way]]) -> tuple[dict[str, Way], dict[str, str]]:
    """The ways that can be had here, and why the others cannot."""
    ways, absent = {}, {}
    for name, make in makers.items():
        try:
            ways[name] = make()
        except Exception as error:  # noqa: BLE001  whatever a peer raises, the others are still measured
            absent[name] = f"{type(error).__name__}: {error}"
            note(f"{name} is left out: {absent[name]}")
    return ways, absent


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, least and most."""
    return {"value": statistics.median(values), "low": min(values), "high": max(values)}


def ratios(rates: Mapping[str, list[float]], ours: str, peer: str) -> dict[str, float]:
    """How much faster ours is than a peer, round by round: median, least and most."""
    return spread([mine / theirs for mine, theirs in zip(rates[ours], rates[peer], strict=True)])


def finding(what: str, values: Mapping[str, float], unit: str, goal: str = "") -> dict[str, Any]:
    """One line of the report.

    Args:
        what: What the value is of.
        values: What `spread` gave.
        unit: Follows the value.
        goal: What was aimed at, with its sign, as in `≥ 0.7`.
    """
    return {"what": what, **values, "unit": unit, "goal": goal}


def compared(
    title: str,
    ways: Mapping[str, Way],
    rates: Mapping[str, list[float]],
    pairs: Sequence[Pair],
    absent: Mapping[str, str],
) -> dict[str, Any]:
    """One case for the report: the rates of ways, and the ratios of those pairs of which both are there."""
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
        name: The benchmark.
        question: What it answers, in a line.
        cases: Each with a title, a unit, bars and findings.
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
