"""What is missing is made, or leaves a question out."""

from pathlib import Path

import pytest

from benchmarks.runner import needs
from benchmarks.runner.needs import Need, find_missing, prepare


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that the need `file` asks for; a program makes it when it gets the word `make`."""
    program, file = tmp_path / "program", tmp_path / "made"
    program.write_text(f'#!/bin/sh\n[ "$1" = make ] && touch "{file}"\n')
    program.chmod(0o755)
    monkeypatch.setattr(needs, "_FIRELIB", str(program))
    monkeypatch.setitem(needs.NEEDS, "file", Need(file.exists, "no file", [["make"]]))
    return file


def test_what_commands_can_make_is_not_missing(made: Path) -> None:
    assert find_missing(["file"]) == ""
    assert prepare(["file"]) == ""
    assert made.exists()


def test_commands_that_fail_leave_the_question_out(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(needs.NEEDS, "file", Need(made.exists, "no file", [["fail"]]))
    assert prepare(["file"]) == "no file"


def test_nothing_is_made_for_a_question_that_is_left_out_anyway(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(needs.NEEDS, "never", Need(lambda: False, "never there"))
    assert prepare(["file", "never"]) == "never there"
    assert not made.exists()
