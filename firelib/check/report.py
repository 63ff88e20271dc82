"""Findings on the terminal, or as JSON."""

import json
from collections.abc import Sequence

from rich.text import Text

from firelib import console
from firelib.check.finding import Finding, has_errors

_STYLES = {"error": "bold red", "warning": "bold yellow"}


def show(findings: Sequence[Finding], with_traces: bool = False) -> None:
    """Print all findings to standard error, errors first.

    Args:
        findings: What was found.
        with_traces: Whether to print the tracebacks of errors, too.
    """
    for finding in sorted(findings, key=lambda finding: finding.severity):
        label = Text(f"{finding.severity}:", style=_STYLES[finding.severity])
        location = f"{finding.location}: " if finding.location else ""
        console.err.print(label, console.printable(f"{location}{_indent(finding.what)}"), highlight=False)
        console.err.print(console.printable(f"  remedy: {_indent(finding.remedy)}"), highlight=False)
        if with_traces and finding.trace:
            console.err.print(console.printable(finding.trace), highlight=False)


def summarize(findings: Sequence[Finding], checked: str, seconds: float) -> str:
    """One line about all findings.

    Args:
        findings: What was found.
        checked: What was checked.
        seconds: Duration.
    """
    errors = sum(finding.severity == "error" for finding in findings)
    counts = [_count(errors, "error"), _count(len(findings) - errors, "warning")]
    found = ", ".join(count for count in counts if count) or "no mistakes found"
    return f"{found} in {checked}, {seconds:.1f} s"


def to_json(findings: Sequence[Finding], seconds: float) -> str:
    """The findings as one JSON object, for programs.

    Args:
        findings: What was found.
        seconds: Duration.
    """
    listed = [finding.as_dict() for finding in findings]
    return json.dumps({"ok": not has_errors(findings), "seconds": round(seconds, 2), "findings": listed}, indent=2)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number > 1 else ''}" if number else ""


def _indent(text: str) -> str:
    return text.replace("\n", "\n          ")
