"""Results as rows of text."""

import statistics
from collections.abc import Sequence

from benchmarks.harness.figures import is_reached, name_winner
from benchmarks.harness.schema import Bar, Case, Finding, Result, Usage

HEADERS = ("benchmark", "data", "figure", "median", "lowest … highest", "faster", "goal", "reached")
WAY_HEADERS = ("way", "median", "lowest … highest", "rows per CPU-second", "cores", "peak MiB", "faults", "settings")


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Align the columns of a table."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def rows(result: Result) -> list[list[str]]:
    """A table row for each finding of a result, under `HEADERS`."""
    name = f"{result.name}{marks(result)}"
    return [[name, case.title, *cells(line)] for case in result.cases for line in case.findings]


def cells(line: Finding) -> list[str]:
    """A finding under the headers from `figure` on."""
    value = f"{short(line.value)} {line.unit}".strip()
    return [line.what, value, spread(line), name_winner(line), line.goal, is_reached(line)]


def marks(result: Result) -> str:
    """What a reader has to know of a result besides its name; empty if it is complete, full and undisturbed."""
    named = {"partial": not result.complete, "busy machine": result.busy, "short": result.form == "short"}
    found = ", ".join(name for name, holds in named.items() if holds)
    return f" ({found})" if found else ""


def way_rows(case: Case) -> list[list[str]]:
    """A table row for each way of a case, under `WAY_HEADERS`."""
    return [[bar.name, short(bar.value), spread(bar), *_usage(bar), bar.settings] for bar in case.bars]


def _usage(bar: Bar) -> list[str]:
    used = bar.usage or Usage(rows=0)
    per_cpu_second = [used.rows / seconds for seconds in used.cpu_seconds if seconds]
    cores = [rate / each for rate, each in zip(bar.values, per_cpu_second, strict=False)]
    return [
        short(statistics.median(values)) if values else ""
        for values in (per_cpu_second, cores, used.peak_mib, used.minor_faults)
    ]


def describe(result: Result) -> str:
    """The question, the machine, and what happened on it, in one line."""
    machine = result.machine
    parts = [
        machine.cpu_model,
        f"{machine.usable_cores or machine.cores} {'shared ' if machine.virtual is not False else ''}cores",
        f"{machine.memory_gib:g} GiB" if machine.memory_gib else "",
        f"load before it began: {machine.load_before}",
        f"{result.processes} processes" if result.processes > 1 else "",
        _rounds(result),
    ]
    return f"{result.question}{marks(result)} ({', '.join(part for part in parts if part)})"


def _rounds(result: Result) -> str:
    if not result.rounds:
        return ""
    kept = [each for each in result.rounds if each.counts]
    disturbed = sum(bool(each.disturbed) for each in kept)
    repeated = len(result.rounds) - len(kept)
    extra = f", {disturbed} of them disturbed" if disturbed else ""
    return f"{len(kept)} rounds in all{extra}{f', {repeated} repeated' if repeated else ''}"


def spread(figure: Bar | Finding) -> str:
    """The lowest and the highest value."""
    return f"{short(figure.low)} … {short(figure.high)}"


def short(value: float) -> str:
    """Format with three significant digits."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
