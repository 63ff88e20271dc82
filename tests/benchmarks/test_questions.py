"""The registry: every question has its module, and all of them together fit into the promised time."""

import ast
import re
from collections import Counter

import pytest

from benchmarks.input.contenders import CONTENDERS, SHORT
from benchmarks.questions import QUESTIONS, Form, Question
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
    forms = [form for question in QUESTIONS for form in (question.full, question.short) if form]
    assert {need for each in (*QUESTIONS, *forms) for need in each.needs} <= set(NEEDS)


def test_all_forms_fit_into_the_promised_time() -> None:
    assert sum(question.short.minutes for question in QUESTIONS if question.short) <= 15
    assert sum(question.full.minutes for question in QUESTIONS) <= 180


def test_full_form_is_not_less_than_the_short_one() -> None:
    loaders = next(question for question in QUESTIONS if question.name == "input_pipeline")
    assert loaders.short
    assert "--rounds" not in loaders.full.argv, "it has as many rounds as the short form"
    rows = [form.argv[form.argv.index("--rows") + 1] for form in (loaders.full, loaders.short)]
    assert rows[0] == rows[1]
    assert set(SHORT) < set(loaders.full.argv) & {contender.name for contender in CONTENDERS}


def test_documentation_says_what_full_forms_leave_out() -> None:
    text = (ROOT / "docs" / "benchmarks.md").read_text()
    (paragraph,) = re.findall(r"^\*\*`--full` leaves out\*\*(.+?)\n\n", text, re.DOTALL | re.MULTILINE)
    reduced = {question.name for question in QUESTIONS if _is_reduced(question.full)}
    assert set(re.findall(r"`(\w+)`", paragraph)) == reduced


def _is_reduced(form: Form) -> bool:
    """Whether a form chooses a part, or has one round in one process, which names no winner."""
    one_round = "--rounds 1" in form.arguments and form.processes == 1
    return one_round or bool({"--short", "--only"} & set(form.argv))


def test_benchmark_in_which_all_rounds_count_does_not_call_the_page_cache_warm() -> None:
    for path in (ROOT / "benchmarks").glob("*.py"):
        text = path.read_text()
        calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
        saves = [call for call in calls if ast.unparse(call.func) == "save"]
        states = [len(call.args) > 3 or any(word.arg == "page_cache" for word in call.keywords) for call in saves]
        has_warm_up = "warmups=0" not in text and re.search(r"\b(interleaved|repeat_rounds|present)\(", text)
        assert all(states) or has_warm_up, path.name


def test_every_benchmark_that_saves_results_is_a_question() -> None:
    """If this fails, add a line to benchmarks/questions.py."""
    files = [path for path in (ROOT / "benchmarks").glob("*.py") if re.search(r"\bsave\(", path.read_text())]
    assert {path.stem for path in files} <= {question.name for question in QUESTIONS}
