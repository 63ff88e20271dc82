"""Compares ratios with a baseline: what is worse by more than both spreads and a margin has fallen.

Of two samples of three equal values, one lies wholly below the other in 5 % of all cases, and a check compares dozens
of ratios: hence the margin, and the second measurement of what fell (`benchmarks.runner.command`).

Figures in rows or seconds depend on the machine; ratios of two ways in the same run hardly do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness.figures import LEAST_ROUNDS
from benchmarks.harness.report.load import is_old_form
from benchmarks.harness.schema import Finding, Result
from benchmarks.questions import Question, bench_command
from benchmarks.runner.publish import published_path
from firelib.console import note
from firelib.errors import FirelibError

MARGIN = 0.9  # a smaller change is none


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
    def key(self) -> tuple[str, str, str]:
        """What identifies the ratio."""
        return self.result, self.case, self.now.what

    @property
    def fell(self) -> bool:
        """Whether every value of the spread is now worse than every one before, by more than the margin."""
        if self.before.better == "higher":
            return self.now.high < MARGIN * self.before.low
        return self.now.low > self.before.high / MARGIN


def compare(now: Result, baseline: Result) -> list[Change]:
    """Compare the ratios that both results have, of which more, or less, is better, and whose spread is known.

    Args:
        now: A new result.
        baseline: The committed one, of the same form.
    """
    before, after = comparable(baseline), comparable(now)
    return [Change(now.name, key[0], before[key], line) for key, line in after.items() if key in before]


def find_missing_ratios(now: Result, baseline: Result) -> list[str]:
    """Name the ratios that only the baseline has: a way, a case or rounds are missing now.

    Args:
        now: A new result.
        baseline: The committed one, of the same form.
    """
    return [f"{now.name}: {': '.join(key)}" for key in comparable(baseline) if key not in comparable(now)]


def comparable(result: Result) -> dict[tuple[str, str], Finding]:
    """Title of a case and name of a ratio → the ratio, for those that can be compared."""
    return {
        (case.title, line.what): line
        for case in result.cases
        for line in case.findings
        if line.unit == "×" and line.better and len(line.values) >= LEAST_ROUNDS
    }


def read_baseline(results: Path, name: str, full: bool, label: str = "") -> Result | None:
    """Read the committed result; None if there is none.

    Args:
        results: The folder results/.
        name: Name of the result.
        full: Its form.
        label: Name of the machine; empty for the first one.

    Raises:
        FirelibError: The file is no result.
    """
    path = published_path(results, name, full, label)
    return Result.read(path) if path.is_file() and not is_old_form(path) else None


def choose_comparable(questions: Sequence[Question], results: Path, full: bool, label: str = "") -> list[Question]:
    """Check before anything is measured that there is something to compare with.

    Args:
        questions: The questions that could be asked.
        results: The folder results/.
        full: Their form.
        label: Name of the machine; empty for the first one.

    Returns:
        The questions whose committed results have a ratio that can be compared; the others are named.

    Raises:
        FirelibError: A question has no committed result, a file is none, or no result has such a ratio.
    """
    baselines = {
        question.name: [read_baseline(results, name, full, label) for name in question.results]
        for question in questions
    }
    missing = [name for name, found in baselines.items() if not any(found)]
    _require_none(missing, "no baseline to compare with", results, full, label)
    without = [name for name, found in baselines.items() if not any(each and comparable(each) for each in found)]
    if len(without) == len(questions):
        _require_none(without, f"no baseline has a ratio of {LEAST_ROUNDS} rounds", results, full, label)
    if without:
        note(f"left out, since their baselines have no ratio of {LEAST_ROUNDS} rounds: {', '.join(without)}")
    return [question for question in questions if question.name not in without]


def _require_none(names: Sequence[str], problem: str, results: Path, full: bool, label: str) -> None:
    if names:
        raise FirelibError(
            f"{problem}: {', '.join(names)}",
            where=str(published_path(results, "", full).parent),
            remedy=f"measure it on an idle machine, and commit the files: {bench_command(names, full, label)}",
        )
