"""Compares ratios with a baseline: only what is worse by more than both spreads has fallen.

Figures in rows or seconds depend on the machine; ratios of two ways in the same run hardly do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness.figures import LEAST_ROUNDS
from benchmarks.harness.schema import Finding, Result
from benchmarks.questions import Question
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
    """Compare the ratios that both results have, of which more, or less, is better, and whose spread is known.

    Args:
        now: A new result.
        baseline: The committed one, of the same form.
    """
    before = {
        (case.title, line.what): line
        for case in baseline.cases
        for line in case.findings
        if line.unit == "×" and line.better and len(line.values) >= LEAST_ROUNDS
    }
    return [
        Change(now.name, case.title, before[case.title, line.what], line)
        for case in now.cases
        for line in case.findings
        if (case.title, line.what) in before and len(line.values) >= LEAST_ROUNDS
    ]


def read_baseline(results: Path, name: str, full: bool, label: str = "") -> Result | None:
    """Read the committed result; None if there is none.

    Args:
        results: The folder results/.
        name: Name of the result.
        full: Its form.
        label: Name of the machine; empty for the first one.
    """
    path = published_path(results, name, full, label)
    return Result.read(path) if path.is_file() else None


def require_baselines(questions: Sequence[Question], results: Path, full: bool, label: str = "") -> None:
    """Check before anything is measured that there is something to compare with.

    Args:
        questions: The questions that will be asked.
        results: The folder results/.
        full: Their form.
        label: Name of the machine; empty for the first one.

    Raises:
        FirelibError: A question has no committed result.
    """
    folder = published_path(results, "", full).parent
    stems = [path.stem.partition("@") for path in folder.glob("*.json")]
    names = [name for name, _, machine in stems if machine == label]
    missing = [
        question.name
        for question in questions
        if not any(name == question.name or name.startswith(f"{question.name}_") for name in names)
    ]
    if missing:
        command = f"firelib bench {' '.join(missing)}{' --full' if full else ''}"
        raise FirelibError(
            f"no baseline to compare with: {', '.join(missing)}",
            where=str(folder),
            remedy=f"measure it on an idle machine, and commit the files: {command}",
        )
