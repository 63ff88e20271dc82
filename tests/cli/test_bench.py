"""`firelib bench` in a checkout and elsewhere."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

import firelib
from benchmarks.questions import QUESTIONS
from firelib.cli import app
from firelib.cli.completion import complete_question
from firelib.errors import FirelibError


def test_questions_are_listed() -> None:
    done = CliRunner().invoke(app, ["bench", "--list"])
    assert done.exit_code == 0, done.output
    assert all(question.name in done.stdout for question in QUESTIONS)


def test_an_unknown_question_gets_a_suggestion() -> None:
    done = CliRunner().invoke(app, ["bench", "tfrecord_reed"])
    assert isinstance(done.exception, FirelibError)
    assert done.exception.remedy == "did you mean 'tfrecord_read'?"


def test_questions_are_completed() -> None:
    assert complete_question("tfrecord_r") == ["tfrecord_read"]


def test_an_installed_package_has_no_benchmarks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(firelib, "__file__", str(tmp_path / "firelib" / "__init__.py"))
    done = CliRunner().invoke(app, ["bench", "--list"])
    assert isinstance(done.exception, FirelibError)
    assert done.exception.where == str(tmp_path)
    assert done.exception.remedy == "clone firelib's repository, and run make bench in it"
    assert complete_question("") == []
