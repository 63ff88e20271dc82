"""Results of the same benchmark on several machines, side by side."""

from collections.abc import Sequence

from benchmarks.harness.report.tables import short, spread
from benchmarks.harness.schema import Finding, Result


def by_name(results: Sequence[Result]) -> dict[str, list[Result]]:
    """Name of a benchmark → its results, one per machine."""
    found: dict[str, list[Result]] = {}
    for result in results:
        found.setdefault(result.name, []).append(result)
    return found


def side_by_side(results: Sequence[Result]) -> list[list[str]]:
    """A table of all findings: data, figure, a column for each machine, and whether the spreads overlap.

    Args:
        results: Results of one benchmark on two or more machines.

    Returns:
        Its header and its rows.
    """
    lines: dict[tuple[str, str], dict[int, Finding]] = {}
    for index, result in enumerate(results):
        for case in result.cases:
            for line in case.findings:
                lines.setdefault((case.title, line.what), {})[index] = line
    header = ["data", "figure", *(_name(result) for result in results), "spreads overlap"]
    return [header, *(_row(*key, found, len(results)) for key, found in lines.items())]


def _name(result: Result) -> str:
    machine = result.machine
    label = f"{result.label}: " if result.label else ""
    return f"{label}{machine.cpu_model or machine.cpu}, {machine.usable_cores or machine.cores} cores"


def _row(title: str, what: str, found: dict[int, Finding], machines: int) -> list[str]:
    cells = [
        f"{short(found[index].value)} {found[index].unit} ({spread(found[index])})" if index in found else ""
        for index in range(machines)
    ]
    overlap = max(line.low for line in found.values()) <= min(line.high for line in found.values())
    return [title, what, *cells, "" if len(found) < machines else "yes" if overlap else "no"]
