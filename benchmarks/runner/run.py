"""Asks questions one after the other; each process of a question leaves its results in a folder of its own."""

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.harness.conditions import BUSY_SHARE, sample_load
from benchmarks.harness.machine import find_commit
from benchmarks.harness.merge import merge
from benchmarks.harness.schema import Result
from benchmarks.questions import Form, Question
from benchmarks.runner.child import run_benchmark
from benchmarks.runner.needs import ROOT, prepare
from firelib.console import note

_PATIENCE = 4  # times the expected duration
_LEAST_MINUTES = 10
_DONE, _BUSY = "done", "busy"  # mark the folder of a process: it ended well; the machine was busy when it started


@dataclass
class Answer:
    """What became of a question.

    Attributes:
        question: The question.
        results: Its results, merged over its processes; incomplete ones if it failed.
        problem: Why it was left out or failed; empty if neither.
        skipped: Whether it was left out.
    """

    question: Question
    results: list[Result] = field(default_factory=list)
    problem: str = ""
    skipped: bool = False


def ask(questions: Sequence[Question], full: bool, scratch: Path, resume: bool) -> Iterator[Answer]:
    """Ask questions; yields each answer when it is there.

    Args:
        questions: Those that have the form.
        full: Whether to ask them in their full form.
        scratch: Folder for the results of each process.
        resume: Keep the results of processes that ended well in an earlier call, of the same commit and arguments.
    """
    for number, question in enumerate(questions, 1):
        form = question.form(full)
        assert form is not None
        note(f"{number} of {len(questions)}: {question.name}: {question.asks} (about {form.minutes:g} minutes)")
        folder = scratch / ("full" if full else "short") / question.name
        if reason := prepare((*question.needs, *form.needs)):
            note(f"{question.name} is left out: {reason}")
            yield Answer(question, problem=reason, skipped=True)
            continue
        if not resume:
            shutil.rmtree(folder, ignore_errors=True)
        problem = _run_processes(question, form, folder)
        if problem:
            note(f"{question.name}: {problem}")
        yield Answer(question, collect(folder, form, full), problem)


def _run_processes(question: Question, form: Form, folder: Path) -> str:
    limit = max(_LEAST_MINUTES, _PATIENCE * form.minutes) * 60
    commit = find_commit(ROOT)
    mark = json.dumps({"commit": commit, "arguments": form.arguments})
    for index in range(form.processes):
        own = folder / str(index)
        if is_done(own, mark, commit):
            continue
        shutil.rmtree(own, ignore_errors=True)
        own.mkdir(parents=True)
        if is_busy():
            (own / _BUSY).touch()
        if form.processes > 1:
            note(f"process {index + 1} of {form.processes}")
        if problem := run_benchmark(question.module, form.argv, own, limit):
            return problem
        (own / _DONE).write_text(mark)
    return ""


def is_done(folder: Path, mark: str, commit: str) -> bool:
    """Whether a process of an earlier call has left the results that are asked for now.

    Args:
        folder: Folder of the process.
        mark: What it has written if it ended well with the same arguments and commit.
        commit: The commit now. A changed working tree, or one without git, may differ from what was measured.
    """
    path = folder / _DONE
    if not path.exists():
        return False
    if path.read_text() == mark and commit and not commit.endswith("+"):
        return True
    note(f"{folder.parent.name} is measured again: files, commit or arguments may have changed since")
    return False


def is_busy() -> bool:
    """Whether other work takes cores, which is said at once."""
    load = sample_load()
    if load.others <= BUSY_SHARE:
        return False
    note(f"this machine is busy: other processes take {100 * load.others:.0f} % of its cores; figures are marked")
    return True


def collect(folder: Path, form: Form, full: bool) -> list[Result]:
    """The results of a question, merged over its processes; incomplete if one of them did not end well.

    Args:
        folder: Folder of the question.
        form: The form that was asked.
        full: Whether that is the full form.
    """
    processes = [folder / str(index) for index in range(form.processes)]
    complete = all((own / _DONE).exists() for own in processes)
    busy = any((own / _BUSY).exists() for own in processes)
    parts: dict[str, list[Result]] = {}
    for own in processes:
        for path in sorted(own.glob("*.json")):
            parts.setdefault(path.stem, []).append(Result.read(path))
    merged = [merge(each) for each in parts.values()]
    return [
        result.model_copy(
            update={"form": "full" if full else "short", "busy": busy, "complete": complete and result.complete}
        )
        for result in merged
    ]
