import pytest

from firelib.doctor import show
from firelib.doctor.finding import Finding


def test_shows_texts_and_remedies_verbatim(capsys: pytest.CaptureFixture[str]) -> None:
    show([Finding("Python", "ok", "3.11"), Finding("port 1", "warning", "in use [by me]", "stop [it]")])
    output = capsys.readouterr().out
    assert "in use [by me]" in output
    assert "warning port 1: stop [it]" in output


def test_says_nothing_to_do_if_all_is_ok(capsys: pytest.CaptureFixture[str]) -> None:
    show([Finding("Python", "ok", "3.11")])
    assert "nothing to do" in capsys.readouterr().out
