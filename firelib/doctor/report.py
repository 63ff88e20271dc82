"""Findings on the terminal."""

from collections.abc import Sequence

from rich.markup import escape

from firelib import console
from firelib.doctor.finding import Finding

_LABELS = {"ok": "[green]ok[/]", "warning": "[yellow]warning[/]", "error": "[red]error[/]"}


def show(findings: Sequence[Finding]) -> None:
    """Print a table of all findings, then the remedy of each that is not ok."""
    rows = [[escape(finding.name), _LABELS[finding.status], escape(finding.detail)] for finding in findings]
    table = console.table("firelib doctor", ["check", "status", "finding"], rows)
    for column in table.columns:
        column.justify = "left"  # the cells are text, not numbers
    console.out.print(table)
    problems = [finding for finding in findings if finding.status != "ok"]
    for finding in problems:
        console.out.print(f"{_LABELS[finding.status]} {escape(finding.name)}: {escape(str(finding.remedy))}")
    if not problems:
        console.out.print("nothing to do")
