"""What a check fails on."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.questions import Form, Question
from benchmarks.runner.check import Baseline, check
from benchmarks.runner.run import Answer
from tests.benchmarks.harness.results import make_ratio, make_result

QUESTION = Question("b", "?", Form("", 1), Form("", 1))
FALLEN, SAME = make_ratio(1, 2), make_ratio(4, 5)


@pytest.fixture
def baseline(tmp_path: Path) -> Baseline:
    make_ratio(4, 5).write(tmp_path / "b.json")
    return Baseline(tmp_path, full=True)


def never(_: Sequence[Question]) -> list[Answer]:
    raise AssertionError("nothing fell")


def test_what_fell_is_asked_once_more_and_fails_only_if_it_falls_again(baseline: Baseline) -> None:
    asked: list[Question] = []

    def again(questions: Sequence[Question]) -> list[Answer]:
        asked.extend(questions)
        return [Answer(QUESTION, [SAME])]

    other = Answer(Question("other", "?", Form("", 1)))
    assert check([other, Answer(QUESTION, [FALLEN])], baseline, again)
    assert asked == [QUESTION]
    assert not check([Answer(QUESTION, [FALLEN])], baseline, lambda _: [Answer(QUESTION, [FALLEN])])
    assert not check([Answer(QUESTION, [FALLEN])], baseline, lambda _: [Answer(QUESTION, problem="exit code 1")])


def test_a_ratio_that_is_missing_now_fails(baseline: Baseline, capsys: pytest.CaptureFixture[str]) -> None:
    other = make_ratio(4, 5).cases[0].model_copy(update={"title": "more rows"})
    make_result(cases=[*SAME.cases, other]).write(baseline.results / "b.json")
    assert not check([Answer(QUESTION, [SAME])], baseline, never)
    assert "the baseline has it: b: more rows: a ÷ b" in " ".join(capsys.readouterr().err.split())


def test_a_busy_machine_proves_nothing(baseline: Baseline, tmp_path: Path) -> None:
    busy = Answer(QUESTION, [SAME.model_copy(update={"busy": True})])
    assert not check([busy], baseline, never)
    assert check([busy], Baseline(tmp_path, full=True, anyway=True), never)


def test_a_check_that_compared_nothing_fails(baseline: Baseline) -> None:
    assert not check([], baseline, never)
