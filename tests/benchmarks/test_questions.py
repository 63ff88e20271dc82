"""The registry: every question has its module, and all of them together fit into the promised time."""

import re
from collections import Counter

import pytest

from benchmarks.questions import QUESTIONS, Question
from benchmarks.runner.needs import NEEDS
from tests.project import ROOT


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_question_has_its_module_and_known_arguments(question: Question) -> None:
    text = (ROOT / "benchmarks" / f"{question.name}.py").read_text()
    known = set(re.findall(r'add_argument\("(--[a-z-]+)"', text))
    for form in filter(None, (question.full, question.short)):
        assert {word for word in form.argv if word.startswith("--")} <= known
        assert form.minutes > 0
        assert form.processes > 0
    assert question.asks.endswith("?")


def test_names_are_unique() -> None:
    assert max(Counter(question.name for question in QUESTIONS).values()) == 1


def test_needs_are_known() -> None:
    assert {need for question in QUESTIONS for need in question.needs} <= set(NEEDS)


def test_all_forms_fit_into_the_promised_time() -> None:
    assert sum(question.short.minutes for question in QUESTIONS if question.short) <= 15
    assert sum(question.full.minutes for question in QUESTIONS) <= 180


def test_every_benchmark_that_saves_results_is_a_question() -> None:
    """If this fails, add a line to benchmarks/questions.py."""
    files = [path for path in (ROOT / "benchmarks").glob("*.py") if re.search(r"\bsave\(", path.read_text())]
    assert {path.stem for path in files} <= {question.name for question in QUESTIONS}
