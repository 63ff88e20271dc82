"""What `firelib bench` asks, publishes, compares and returns; the questions themselves are answered elsewhere."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.questions import QUESTIONS, Form, Question
from benchmarks.runner import command
from benchmarks.runner.command import Request, bench, choose
from benchmarks.runner.run import Answer
from firelib.errors import FirelibError
from tests.benchmarks.harness.results import make_ratio

NAME = QUESTIONS[0].name
BOTH = Question("both", "?", Form("", 1), Form("--short", 1))
LONG = Question("long", "?", Form("", 1))


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[Answer]:
    """What becomes of the questions."""
    given: list[Answer] = []
    monkeypatch.setattr(command, "ask", lambda *_, **__: iter(given))
    return given


def test_without_names_all_questions_that_have_the_form_are_asked() -> None:
    assert choose([], full=False, questions=[BOTH, LONG]) == [BOTH]
    assert choose([], full=True, questions=[BOTH, LONG]) == [BOTH, LONG]
    assert choose(["long"], full=True, questions=[BOTH, LONG]) == [LONG]


@pytest.mark.parametrize(
    ("name", "what", "remedy"),
    [
        ("loong", "unknown question 'loong'", "did you mean 'long'?"),
        ("long", "long has no short form", "run firelib bench long --full"),
    ],
)
def test_a_name_that_cannot_be_asked(name: str, what: str, remedy: str) -> None:
    with pytest.raises(FirelibError) as caught:
        choose([name], full=False, questions=[BOTH, LONG])
    assert (caught.value.what, caught.value.remedy) == (what, remedy)


def test_results_are_published_and_reported(tmp_path: Path, answers: list[Answer], capsys: Any) -> None:
    answers.append(Answer(QUESTIONS[0], [make_ratio(1, 2)]))
    assert bench(Request(full=True), tmp_path) == 0
    assert (tmp_path / "b.json").is_file()
    assert (tmp_path / "index.html").is_file()
    assert "a ÷ b" in capsys.readouterr().out


def test_a_failed_question_fails_the_command_but_not_a_skipped_one(tmp_path: Path, answers: list[Answer]) -> None:
    answers.append(Answer(QUESTIONS[0], problem="needs root", skipped=True))
    assert bench(Request(), tmp_path) == 0
    answers.append(Answer(QUESTIONS[0], [make_ratio(1, 2).model_copy(update={"complete": False})], "exit code -9"))
    assert bench(Request(), tmp_path) == 1
    assert [path.parent.name for path in tmp_path.rglob("*.json")] == ["scratch"]


def test_a_check_replaces_nothing_and_lists_what_fell(
    tmp_path: Path, answers: list[Answer], capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_ratio(4, 5).write(tmp_path / "short" / "b.json")
    monkeypatch.setattr(command, "QUESTIONS", (Question("b", "?", Form("", 1), Form("", 1)),))
    assert bench(Request(check=True), tmp_path) == 1, "nothing was compared"
    answers.append(Answer(QUESTIONS[0], [make_ratio(4.5, 6)]))
    assert bench(Request(check=True), tmp_path) == 0
    answers.append(Answer(QUESTIONS[0], [make_ratio(3, 3.5)]))
    assert bench(Request(check=True), tmp_path) == 1
    shown = capsys.readouterr().out
    assert "Ratios that fell" in shown
    assert "4 (4 … 5)" in shown
    assert [path.name for path in tmp_path.rglob("*.json")] == ["b.json"]


@pytest.mark.parametrize("label", ["../b", "a b", "a/b", "ä"])
def test_a_label_is_a_part_of_file_names(label: str) -> None:
    with pytest.raises(FirelibError) as caught:
        Request(label=label)
    assert repr(label) in caught.value.what
    assert Request(label="lab-2.local_x").label


def test_the_command_that_goes_on_has_all_options_of_the_first(
    tmp_path: Path, answers: list[Answer], capsys: Any
) -> None:
    answers.append(Answer(QUESTIONS[0], problem="exit code 1"))
    assert bench(Request((NAME,), full=True, anyway=True, label="laptop"), tmp_path) == 1
    shown = " ".join(capsys.readouterr().err.split())
    assert f"go on with: firelib bench {NAME} --full --anyway --resume --label laptop" in shown


def test_an_interrupted_command_reports_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def interrupted(*_: Any) -> Iterator[Answer]:
        yield Answer(QUESTIONS[0], [make_ratio(1, 2)])
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "ask", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bench(Request(full=True), tmp_path)
    assert "a ÷ b" in capsys.readouterr().out
    assert (tmp_path / "b.json").is_file()
