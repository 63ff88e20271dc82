"""Questions run in processes of their own; what is finished outlives what is killed."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from benchmarks.harness.conditions import Load
from benchmarks.questions import Form, Question
from benchmarks.runner import run
from benchmarks.runner.child import run_benchmark
from benchmarks.runner.run import ask
from tests.patience import patience, wait_until


@dataclass(frozen=True)
class Tiny(Question):
    """A question whose module belongs to the tests."""

    @property
    def module(self) -> str:
        return "tests.benchmarks.tiny_question"


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> list[Load]:
    """The load that is measured before each process."""
    loads = [Load(steal=0, others=0)]
    monkeypatch.setattr(run, "sample_load", lambda: loads[0])
    return loads


@pytest.fixture
def commit(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commit of the working tree."""
    commits = ["0123456789ab"]
    monkeypatch.setattr(run, "find_commit", lambda _: commits[0])
    return commits


@pytest.mark.parametrize(
    ("arguments", "now", "kept"),
    [
        ("--rows 1", "0123456789ab", True),
        ("--rows 2", "0123456789ab", False),
        ("--rows 1", "fedcba987654", False),
        ("--rows 1", "0123456789ab+", False),
        ("--rows 1", "", False),
    ],
    ids=["same", "other-arguments", "other-commit", "changed-files", "no-git"],
)
def test_only_results_of_the_same_code_and_arguments_are_resumed(
    tmp_path: Path, load: list[Load], commit: list[str], monkeypatch: pytest.MonkeyPatch,
    arguments: str, now: str, kept: bool,
) -> None:  # fmt: skip
    runs: list[str] = []

    def record(_: str, argv: list[str], *__: object) -> str:
        runs.append(" ".join(argv))
        return ""

    monkeypatch.setattr(run, "run_benchmark", record)
    list(ask([Tiny("tiny", "?", Form("--rows 1", 1))], full=True, scratch=tmp_path, resume=False))
    commit[0] = now
    list(ask([Tiny("tiny", "?", Form(arguments, 1))], full=True, scratch=tmp_path, resume=True))
    assert runs == ["--rows 1"] + [arguments] * (not kept)


@pytest.mark.usefixtures("commit")
def test_a_killed_benchmark_keeps_its_finished_cases_and_is_resumed(tmp_path: Path, load: list[Load]) -> None:
    tiny = Tiny("tiny", "Does it work?", Form(f"--die-once {tmp_path / 'died'}", 1, processes=2))
    (killed,) = ask([tiny], full=True, scratch=tmp_path, resume=False)
    assert killed.problem == "exit code -9"
    assert [case.title for case in killed.results[0].cases] == ["first"]
    assert not killed.results[0].complete

    load[0] = Load(steal=0, others=0.5)
    (resumed,) = ask([tiny], full=True, scratch=tmp_path, resume=True)
    assert not resumed.problem
    (result,) = resumed.results
    assert [case.title for case in result.cases] == ["first", "second"]
    assert (result.processes, result.complete, result.form, result.busy) == (2, True, "full", True)
    assert result.cases[0].findings[0].values == [1.0, 2.0, 1.0, 2.0]

    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")}
    (again,) = ask([tiny], full=True, scratch=tmp_path, resume=True)
    assert again.results == resumed.results
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")} == before


@pytest.mark.parametrize(
    "question",
    [Tiny("tiny", "?", Form("", 1), needs=("root",)), Tiny("tiny", "?", Form("", 1, needs=("root",)))],
    ids=["question", "form"],
)
def test_what_this_machine_lacks_leaves_a_question_out(
    question: Question, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    (answer,) = ask([question], full=True, scratch=tmp_path, resume=False)
    assert (answer.skipped, answer.problem, answer.results) == (True, "needs root", [])


def test_settings_of_the_users_project_do_not_reach_a_benchmark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRELIB_STORAGE_ROOT", "gs://mine")
    monkeypatch.setenv("RAY_ADDRESS", "ray://mine:10001")
    arguments = ["--without", "FIRELIB_STORAGE_ROOT", "RAY_ADDRESS"]
    assert run_benchmark("tests.benchmarks.tiny_question", arguments, tmp_path, patience(120)) == ""
    assert (tmp_path / "tiny.json").exists(), "the runner's own variable does"


@pytest.fixture
def pids(tmp_path: Path) -> Iterator[Path]:
    """File for the ids of the hanging processes, which are killed whatever happens."""
    file = tmp_path / "pids"
    yield file
    for pid in map(int, file.read_text().split()):
        with suppress(psutil.NoSuchProcess):
            psutil.Process(pid).kill()


def test_a_hanging_benchmark_is_interrupted_and_its_children_are_killed(tmp_path: Path, pids: Path) -> None:
    limit, problem = 1.0, ""
    while not pids.exists() and limit < patience(60):  # on a busy machine it may not have started yet
        problem = run_benchmark("tests.benchmarks.hanging_question", [str(pids)], tmp_path, limit)
        limit *= 2
    assert problem.startswith("was stopped after")
    assert Path(f"{pids}.cleaned").exists()
    for pid in map(int, pids.read_text().split()):
        wait_until(lambda pid=pid: not _runs(pid), 10, "the benchmark's processes end")  # type: ignore[misc]


def _runs(pid: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False
