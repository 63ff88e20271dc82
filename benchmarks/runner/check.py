"""`firelib bench --check`: compares answers with the committed results, and asks once more where a ratio fell."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.harness.report.tables import short
from benchmarks.questions import Question
from benchmarks.runner.baseline import Change, compare, find_missing_ratios, read_baseline
from benchmarks.runner.run import Answer
from firelib.console import note, out, table


@dataclass
class Comparison:
    """Ratios beside those of the baseline.

    Attributes:
        changes: The ratios that both have.
        missing: The ratios that only the baseline has.
        busy: Results that do not count, since the machine was busy.
    """

    changes: list[Change] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    busy: list[str] = field(default_factory=list)

    def names_that_fell(self) -> set[str]:
        """Names of the results with a ratio that fell."""
        return {change.result for change in self.changes if change.fell}


@dataclass(frozen=True)
class Baseline:
    """The committed results of a form and a machine.

    Attributes:
        results: The folder results/.
        full: The form.
        label: Name of the machine; empty for the first one.
        anyway: Compare even if the machine was busy.
    """

    results: Path
    full: bool
    label: str = ""
    anyway: bool = False

    def compare(self, answers: Sequence[Answer]) -> Comparison:
        """Compare all results of answers."""
        found = Comparison()
        for result in [result for answer in answers for result in answer.results]:
            baseline = read_baseline(self.results, result.name, self.full, self.label)
            if baseline is None:
                note(f"{result.name}: not in the baseline")
                continue
            if result.busy and not self.anyway:
                found.busy.append(result.name)
                continue
            if result.machine.cpu_model != baseline.machine.cpu_model:
                note(f"{result.name}: the baseline is of another processor: {baseline.machine.cpu_model or 'unknown'}")
            found.changes += compare(result, baseline)
            found.missing += find_missing_ratios(result, baseline)
        return found


def check(
    answers: Sequence[Answer], baseline: Baseline, ask_again: Callable[[Sequence[Question]], Iterable[Answer]]
) -> bool:
    """Compare answers with the baseline, and print what fell or could not be compared.

    Args:
        answers: The answers.
        baseline: What they are compared with.
        ask_again: Asks questions once more; a ratio has fallen only if it falls again.

    Returns:
        Whether every ratio was compared, and none fell.
    """
    first = baseline.compare(answers)
    fell = [change for change in first.changes if change.fell]
    if fell:
        suspects = [answer.question for answer in answers if first.names_that_fell() & _names(answer)]
        note(f"asked once more, since a ratio fell: {', '.join(question.name for question in suspects)}")
        again = baseline.compare(list(ask_again(suspects)))
        known = {change.key: change for change in again.changes}
        fell = [known.get(change.key, change) for change in fell if change.key not in known or known[change.key].fell]
    _show(fell, first)
    return bool(first.changes) and not (fell or first.missing or first.busy)


def _names(answer: Answer) -> set[str]:
    return {result.name for result in answer.results}


def _show(fell: Sequence[Change], found: Comparison) -> None:
    rows = [
        [
            change.result,
            change.case,
            change.now.what,
            *(f"{short(line.value)} ({short(line.low)} … {short(line.high)})" for line in (change.before, change.now)),
        ]
        for change in fell
    ]
    if fell:
        out.print(table("Ratios that fell", ["benchmark", "data", "ratio", "baseline", "now"], rows))
    for name in found.missing:
        note(f"missing, although the baseline has it: {name}")
    for name in found.busy:
        note(f"{name} is not compared, since the machine was busy (--anyway compares it all the same)")
    note(f"{len(found.changes)} ratios compared with the baseline: {len(fell)} fell by more than spreads and margin")
