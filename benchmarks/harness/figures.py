"""Medians, ratios and how far to trust them."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.harness.schema import Finding

if TYPE_CHECKING:
    from benchmarks.harness.interleave import Way

LEAST_ROUNDS = 3  # with fewer, the spread says nothing


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


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Median, minimum and maximum, and the values themselves."""
    return {"value": statistics.median(values), "low": min(values), "high": max(values), "values": list(values)}


def pooled_spread(processes: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Spread over several processes: each counts by its median, since rounds of one process are not independent.

    Args:
        processes: The values of each process, one per round.
    """
    values = [value for each in processes for value in each]
    if len(processes) == 1:
        return spread(values)
    return {**spread([statistics.median(each) for each in processes if each]), "values": values}


def ratios(rates: Mapping[str, list[float]], ours: str, peer: str) -> dict[str, Any]:
    """Speed-up over a peer in each round: median, minimum and maximum."""
    return spread([mine / theirs for mine, theirs in zip(rates[ours], rates[peer], strict=True)])


def finding(what: str, values: Mapping[str, Any], unit: str, goal: str = "") -> dict[str, Any]:
    """Build a line of the report.

    Args:
        what: Name of the value.
        values: The result of `spread`.
        unit: Unit of the value.
        goal: The target with its comparison, as in `≥ 0.7`.
    """
    better = {"≥": "higher", ">": "higher", "≤": "lower", "<": "lower"}.get(goal.partition(" ")[0], "")
    return {"what": what, **values, "unit": unit, "goal": goal, "better": better}


def compared(
    title: str,
    ways: "Mapping[str, Way]",
    rates: Mapping[str, list[float]],
    pairs: Sequence[Pair],
    absent: Mapping[str, str],
) -> dict[str, Any]:
    """Build a case of the report: the rate of each way, and the ratio of each pair whose ways were both measured.

    Args:
        title: Title of the case.
        ways: Name → way.
        rates: The result of `interleaved`, or other rates of the ways.
        pairs: Ways to compare.
        absent: Name of each missing way → the reason.
    """
    usage = getattr(rates, "usage", {})
    bars = [
        {"name": name, **spread(rates[name]), "settings": way.settings, "usage": usage.get(name)}
        for name, way in ways.items()
    ]
    findings = [_ratio(rates, pair) for pair in pairs if pair.ours in ways and pair.peer in ways]
    return {"title": title, "unit": "rows/s", "bars": bars, "findings": findings, "absent": dict(absent)}


def _ratio(rates: Mapping[str, list[float]], pair: Pair) -> dict[str, Any]:
    goal = "" if pair.goal is None else f"≥ {pair.goal:g}"
    line = finding(f"{pair.ours} ÷ {pair.peer}", ratios(rates, pair.ours, pair.peer), "×", goal)
    return {**line, "better": "higher", "ours": pair.ours, "peer": pair.peer}


def name_winner(line: Finding) -> str:
    """The faster way of a ratio; `no winner` if the spread contains 1, or too few rounds were measured.

    Returns:
        A way, `no winner`, or an empty string if the line compares no ways.
    """
    if not line.peer:
        return ""
    if len(line.values) < LEAST_ROUNDS or line.low <= 1 <= line.high:
        return "no winner"
    return line.ours if line.low > 1 else line.peer


def is_reached(line: Finding) -> str:
    """Whether a line reaches its goal: `yes`, `no`, or `unclear`; empty without a goal.

    It is unclear if only a part of the spread reaches it, or if too few values were measured. Results of earlier
    versions do not list their values.
    """
    sign, _, number = line.goal.partition(" ")
    compare = {"≥": float.__ge__, "≤": float.__le__, "<": float.__lt__, ">": float.__gt__}.get(sign)
    if compare is None:
        return ""
    if 0 < len(line.values) < LEAST_ROUNDS:
        return "unclear"
    reached = {compare(float(value), float(number)) for value in (line.low, line.high)}
    return "unclear" if len(reached) > 1 else "yes" if reached.pop() else "no"
