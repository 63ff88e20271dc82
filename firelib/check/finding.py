"""One thing that a check found."""

import re
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from firelib.errors import FirelibError

Severity = Literal["error", "warning"]
Kind = Literal["recipe", "source", "transform", "rows", "model", "configuration"]

_LINE = re.compile(r"(?:^|[(\s])([^():;\n]+), line (\d+)")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or that may be wrong, with a project.

    Attributes:
        severity: `error` if `firelib run` would fail, or make something that nobody wants; else `warning`.
        kind: What the finding is about.
        what: What is wrong: the name, the expected and the actual value.
        remedy: What to do about it, as an imperative.
        file: The user's file, or None.
        line: The line of the file, counted from 1, or None.
        value: The value that is wrong, or None.
        trace: The traceback of the error that it tells of, or None.
    """

    severity: Severity
    kind: Kind
    what: str
    remedy: str
    file: str | None = None
    line: int | None = None
    value: str | None = None
    trace: str | None = field(default=None, compare=False, repr=False)

    @property
    def location(self) -> str:
        """File and line, such as `recipe.py:12`; the path is relative to the working directory where it can be."""
        file = shorten(self.file) if self.file else ""
        return f"{file}:{self.line}" if file and self.line else file

    def as_dict(self) -> dict[str, Any]:
        """The finding as JSON has it."""
        shown = {name: value for name, value in asdict(self).items() if name != "trace"}
        return {**shown, "file": shorten(self.file) if self.file else None}


def from_error(
    error: FirelibError, kind: Kind, file: str | None, line: int | None = None, severity: Severity = "error"
) -> Finding:
    """Turn an error into a finding.

    Args:
        error: The error.
        kind: What it is about.
        file: The user's file; that of the error's own line takes precedence.
        line: The line, if the error does not name one.
        severity: The severity.
    """
    named = _LINE.search(error.where or "")
    if named:
        file, line = named[1], int(named[2])
    what = error.what if named or not error.where else f"{error.what} ({error.where})"
    return Finding(severity, kind, what, error.remedy or "correct it", file, line, trace=format_trace(error))


def format_trace(error: BaseException) -> str:
    """The traceback of an error, with those of its causes."""
    return "".join(traceback.format_exception(error))


def grade(is_error: bool) -> Severity:
    """`error` or `warning`."""
    return "error" if is_error else "warning"


def has_errors(findings: Sequence[Finding]) -> bool:
    """Whether a run would fail."""
    return any(finding.severity == "error" for finding in findings)


def shorten(file: str) -> str:
    """A path relative to the working directory, if it is below."""
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file
