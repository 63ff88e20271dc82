"""What `firelib bench` does."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.harness.measure import RESULTS
from benchmarks.harness.report import write_report
from benchmarks.harness.report.tables import aligned
from benchmarks.questions import QUESTIONS, Question, bench_command
from benchmarks.runner.baseline import choose_comparable
from benchmarks.runner.check import Baseline, check
from benchmarks.runner.needs import find_missing
from benchmarks.runner.publish import publish
from benchmarks.runner.run import Answer, ask
from firelib.console import note, out
from firelib.errors import FirelibError, did_you_mean


@dataclass(frozen=True)
class Request:
    """Options of `firelib bench`.

    Attributes:
        names: Questions; all that have the form if empty.
        full: The full form instead of the short one.
        check: Compare with the committed results instead of replacing them.
        resume: Keep what an interrupted call has measured.
        anyway: Replace, or compare, results even if the machine was busy.
        label: Name of another machine, whose results are kept beside those of the first; a part of file names.
    """

    names: Sequence[str] = ()
    full: bool = False
    check: bool = False
    resume: bool = False
    anyway: bool = False
    label: str = ""

    def __post_init__(self) -> None:
        if self.label and not re.fullmatch(r"[\w.-]+", self.label, re.ASCII):
            raise FirelibError(
                f"--label: expected letters, digits, `.`, `_` and `-`, got {self.label!r}",
                where="firelib bench",
                remedy="choose a name such as laptop",
            )

    @property
    def resume_command(self) -> str:
        """The command that goes on with this request."""
        options = {"--check": self.check, "--anyway": self.anyway}
        given = [name for name, holds in options.items() if holds]
        return bench_command(self.names, self.full, self.label, [*given, "--resume"])


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
            find_missing((*question.needs, *question.full.needs)),
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
        The exit code: 1 if a question failed, a ratio fell, or a check could not compare all ratios.

    Raises:
        FirelibError: A name is unknown, or a check has no baseline.
    """
    questions = choose(request.names, request.full, QUESTIONS)
    if request.check:
        questions = choose_comparable(questions, results, request.full, request.label)
    answers: list[Answer] = []
    with _report_finally(answers, results, request):
        for answer in ask(questions, request.full, results / "scratch", request.resume):
            answer.results = [each.model_copy(update={"label": request.label}) for each in answer.results]
            answers.append(answer)
            if not request.check:
                for result in answer.results:
                    publish(result, results, request.label, request.anyway)
    failed = [answer for answer in answers if answer.problem and not answer.skipped]
    for answer in failed:
        note(f"{answer.question.name} failed: {answer.problem}; go on with: {request.resume_command}")
    return int(bool(failed) or (request.check and not _passes(answers, results, request)))


def _passes(answers: Sequence[Answer], results: Path, request: Request) -> bool:
    """Whether answers are as good as the committed results."""
    baseline = Baseline(results, request.full, request.label, request.anyway)
    again = partial(ask, full=request.full, scratch=results / "scratch" / "again", resume=False)
    return check(answers, baseline, again)


@contextmanager
def _report_finally(answers: list[Answer], results: Path, request: Request) -> Iterator[None]:
    """Report what has been measured, also after Ctrl-C."""
    try:
        yield
    except KeyboardInterrupt:
        note(f"go on with: {request.resume_command}")
        raise
    finally:
        if measured := [result for answer in answers for result in answer.results]:
            write_report(measured, results)
