"""What `firelib bench` does."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness.measure import RESULTS
from benchmarks.harness.report import write_report
from benchmarks.harness.report.tables import aligned, short
from benchmarks.questions import QUESTIONS, Question
from benchmarks.runner.baseline import Change, compare, read_baseline, require_baselines
from benchmarks.runner.needs import find_missing
from benchmarks.runner.publish import publish
from benchmarks.runner.run import Answer, ask
from firelib.console import note, out, table
from firelib.errors import FirelibError, did_you_mean


@dataclass(frozen=True)
class Request:
    """Options of `firelib bench`.

    Attributes:
        names: Questions; all that have the form if empty.
        full: The full form instead of the short one.
        check: Compare with the committed results instead of replacing them.
        resume: Keep what an interrupted call has measured.
        anyway: Replace results even if the machine was busy.
        label: Name of another machine, whose results are kept beside those of the first.
    """

    names: Sequence[str] = ()
    full: bool = False
    check: bool = False
    resume: bool = False
    anyway: bool = False
    label: str = ""


def choose(names: Sequence[str], full: bool, questions: Sequence[Question]) -> list[Question]:
    """The questions to ask, in the order of the registry.

    Args:
        names: Their names; empty for all.
        full: Whether they are asked in their full form.
        questions: All questions.

    Raises:
        FirelibError: A name is unknown, or its question has no short form.
    """
    known = {question.name: question for question in questions}
    for name in names:
        if name not in known:
            raise FirelibError(f"unknown question {name!r}", where="firelib bench", remedy=did_you_mean(name, known))
        if known[name].form(full) is None:
            raise FirelibError(
                f"{name} has no short form", where="firelib bench", remedy=f"run firelib bench {name} --full"
            )
    return [question for question in questions if question.form(full) and (not names or question.name in names)]


def show_questions(questions: Sequence[Question] = QUESTIONS) -> None:
    """Print the questions, how long they take, and what this machine lacks for them."""
    rows = [
        [
            question.name,
            question.asks,
            f"{question.short.minutes:g}" if question.short else "",
            f"{question.full.minutes:g}",
            find_missing(question.needs),
        ]
        for question in questions
    ]
    out.print(aligned([["name", "question", "minutes", "with --full", "left out"], *rows]))


def bench(request: Request, results: Path = RESULTS) -> int:
    """Ask questions, publish the answers and report them, or compare them with the committed ones.

    Args:
        request: The options.
        results: Folder of the results.

    Returns:
        The exit code: 1 if a question failed or a ratio fell.

    Raises:
        FirelibError: A name is unknown, or a check has no baseline.
    """
    questions = choose(request.names, request.full, QUESTIONS)
    if request.check:
        require_baselines(questions, results, request.full, request.label)
    answers: list[Answer] = []
    with _report_finally(answers, results):
        for answer in ask(questions, request.full, results / "scratch", request.resume):
            answers.append(answer)
            if not request.check:
                for result in answer.results:
                    publish(result, results, request.label, request.anyway)
    failed = [answer for answer in answers if answer.problem and not answer.skipped]
    for answer in failed:
        note(f"{answer.question.name} failed: {answer.problem}; go on with: firelib bench --resume")
    fell = request.check and _show_fallen(_changes(answers, results, request))
    return int(bool(failed or fell))


@contextmanager
def _report_finally(answers: list[Answer], results: Path) -> Iterator[None]:
    """Report what has been measured, also after Ctrl-C."""
    try:
        yield
    except KeyboardInterrupt:
        note("go on with: firelib bench --resume, and the other options of this call")
        raise
    finally:
        if measured := [result for answer in answers for result in answer.results]:
            write_report(measured, results)


def _changes(answers: Sequence[Answer], results: Path, request: Request) -> list[Change]:
    """The ratios of all answers, beside those of the baseline."""
    changes: list[Change] = []
    for result in [result for answer in answers for result in answer.results]:
        baseline = read_baseline(results, result.name, request.full, request.label)
        if baseline is None:
            note(f"{result.name}: not in the baseline")
            continue
        if result.machine.cpu_model != baseline.machine.cpu_model:
            note(f"{result.name}: the baseline is of another processor: {baseline.machine.cpu_model or 'unknown'}")
        changes += compare(result, baseline)
    return changes


def _show_fallen(changes: Sequence[Change]) -> bool:
    """Print the ratios that fell; return whether there are any."""
    fell = [change for change in changes if change.fell]
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
    note(f"{len(changes)} ratios compared with the baseline: {len(fell)} fell by more than the spreads")
    return bool(fell)
