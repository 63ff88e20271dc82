"""Compares ratios with a baseline: only what is worse by more than both spreads has fallen."""

from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness.schema import Finding, Result
from benchmarks.runner.publish import published_path
from firelib.errors import FirelibError


@dataclass(frozen=True)
class Change:
    """A ratio now and in the baseline.

    Attributes:
        result: Name of the result.
        case: Title of the case.
        before: The baseline's line.
        now: The same line now.
    """

    result: str
    case: str
    before: Finding
    now: Finding

    @property
    def fell(self) -> bool:
        """Whether every value of the spread is now worse than every one before."""
        if self.before.better == "higher":
            return self.now.high < self.before.low
        return self.now.low > self.before.high


def compare(now: Result, baseline: Result) -> list[Change]:
    """Compare the ratios that both results have and of which more, or less, is better.

    Figures in rows or seconds depend on the machine; ratios of two ways in the same run hardly do.

    Args:
        now: A new result.
        baseline: The committed one, of the same form.
    """
    before = {
        (case.title, line.what): line
        for case in baseline.cases
        for line in case.findings
        if line.unit == "×" and line.better
    }
    return [
        Change(now.name, case.title, before[case.title, line.what], line)
        for case in now.cases
        for line in case.findings
        if (case.title, line.what) in before
    ]


def read_baseline(results: Path, name: str, full: bool) -> Result:
    """Read the committed result.

    Args:
        results: The folder results/.
        name: Name of the result.
        full: Its form.

    Raises:
        FirelibError: There is none.
    """
    path = published_path(results, name, full)
    if not path.is_file():
        command = f"firelib bench {name}{' --full' if full else ''}"
        raise FirelibError(
            f"{name}: there is no baseline to compare with",
            where=str(path),
            remedy=f"measure it on an idle machine and commit the file: {command}",
        )
    return Result.read(path)
