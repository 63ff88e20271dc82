"""Benchmarks: the results that the checkout holds."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from firelib.report.content import Block, Missing, Table, Text
from firelib.report.drawings.bars import Bar, BarChart
from firelib.report.project import ReportedProject

RESULTS = Path("benchmarks", "results")


def benchmarks(project: ReportedProject) -> Iterator[Block]:
    """A chart for each case of each benchmark, and its findings against their goals."""
    files = sorted((project.folder / RESULTS).glob("*.json"))
    results = [(file, content) for file in files if (content := _read(file)) is not None]
    if not results:
        yield Missing(f"no benchmark: {RESULTS}/ holds no results", "make bench")
        return
    for file, content in results:
        try:
            yield from _describe(content)
        except (KeyError, TypeError, ValueError, AttributeError):
            yield Missing(f"{file.name} is not a result of a benchmark", "make bench")


def _read(file: Path) -> dict[str, Any] | None:
    """A result with cases; None for another format."""
    try:
        content = json.loads(file.read_text())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) and content.get("cases") else None


def _describe(result: Mapping[str, Any]) -> list[Block]:
    machine = result.get("machine") or {}
    load = machine.get("load_before")
    where = f"{machine.get('cores', '?')} cores, load before it began: {'unknown' if load is None else load}"
    remarks = "".join(f" {remark}" for remark in _remarks(result))
    blocks: list[Block] = [Text(f"{result['name']}: {result.get('question', '')} ({where}){remarks}")]
    findings = []
    for case in result["cases"]:
        bars = [Bar(str(bar["name"]), *(float(bar[key]) for key in ("value", "low", "high"))) for bar in case["bars"]]
        if bars:
            blocks.append(BarChart(f"{result['name']}: {case['title']}", str(case["unit"]), bars))
        findings += [[str(case["title"]), *_finding(finding)] for finding in case.get("findings", [])]
        blocks += [Missing(f"{name} was not measured: {why}") for name, why in (case.get("absent") or {}).items()]
    if findings:
        columns = ["data", "figure", "median", "lowest", "highest", "goal", "reached"]
        blocks.append(Table(f"{result['name']}: findings", columns, findings))
    return blocks


def _remarks(result: Mapping[str, Any]) -> Iterator[str]:
    """What lowers the weight of a result."""
    if result.get("complete") is False:
        yield "Incomplete: the benchmark ended before all cases were measured."
    if result.get("busy"):
        yield "The machine was busy with other work."
    if result.get("form") == "short":
        yield "Short form: fewer rounds than the full one."


def _finding(finding: Mapping[str, Any]) -> list[str]:
    goal = str(finding.get("goal") or "")
    value, low, high = (float(finding[key]) for key in ("value", "low", "high"))
    figures = [f"{figure:,.0f}" if abs(figure) >= 100 else f"{figure:.3g}" for figure in (value, low, high)]
    return [
        str(finding["what"]),
        f"{figures[0]} {finding.get('unit', '')}".strip(),
        *figures[1:],
        goal,
        _reached(low, high, goal),
    ]


def _reached(low: float, high: float, goal: str) -> str:
    """Whether a finding reaches its goal, as the harness judges: `unclear` if only a part of the spread does."""
    sign, _, number = goal.partition(" ")
    compare = {"≥": float.__ge__, "≤": float.__le__, "<": float.__lt__, ">": float.__gt__}.get(sign)
    if compare is None:
        return ""
    reached = {compare(value, float(number)) for value in (low, high)}
    return "unclear" if len(reached) > 1 else "yes" if reached.pop() else "no"
