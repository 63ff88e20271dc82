"""Findings on the terminal."""

from collections.abc import Sequence

from rich.text import Text

from firelib import console
from firelib.doctor.finding import Finding

_STYLES = {"ok": "green", "warning": "yellow", "error": "red"}


def show(findings: Sequence[Finding]) -> None:
    """Print a table of all findings, then the remedy of each that is not ok."""
    rows = [(finding.name, _label(finding), finding.detail) for finding in findings]
    table = console.table("firelib doctor", ["check", "status", "finding"], rows)
    for column in table.columns:
        column.justify = "left"  # the cells are text, not numbers
    console.out.print(table)
    problems = [finding for finding in findings if finding.status != "ok"]
    for finding in problems:
        console.out.print(_label(finding), console.printable(f"{finding.name}: {finding.remedy}"))
    if not problems:
        console.out.print("nothing to do")


def _label(finding: Finding) -> Text:
    return Text(finding.status, style=_STYLES[finding.status])
