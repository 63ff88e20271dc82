import json
from pathlib import Path

import pytest

from firelib.check.finding import Finding, from_error
from firelib.check.report import show, summarize, to_json
from firelib.errors import FirelibError

WRONG = Finding("error", "rows", "x is outside [0, 1], got 7", "correct range", "recipe.py", 3, "7")
ODD = Finding("warning", "rows", "y is rare", "add rows")


def test_findings_are_shown_with_lines_and_remedies_errors_first(capsys: pytest.CaptureFixture[str]) -> None:
    show([ODD, WRONG])
    lines = capsys.readouterr().err.splitlines()
    assert "recipe.py:3" in lines[0]
    assert "correct range" in lines[1]
    assert "y is rare" in lines[2]


def test_a_summary_counts_errors_and_warnings() -> None:
    assert "1 error, 1 warning" in summarize([ODD, WRONG], "recipe 'mine'", 1.23)
    assert "1.2 s" in summarize([], "recipe 'mine'", 1.23)


def test_findings_as_json() -> None:
    content = json.loads(to_json([ODD, WRONG], 1.0))
    assert content["ok"] is False
    assert content["findings"][1] == {
        "severity": "error",
        "kind": "rows",
        "what": WRONG.what,
        "remedy": "correct range",
        "file": "recipe.py",
        "line": 3,
        "value": "7",
    }
    assert json.loads(to_json([ODD], 1.0))["ok"] is True


def test_the_line_of_an_error_takes_precedence(tmp_path: Path) -> None:
    error = FirelibError("wrong", where="recipe 'mine': transform (/a b/mine.py, line 7)", remedy="mend it")
    found = from_error(error, "transform", "other.py", 1)
    assert (found.file, found.line) == ("/a b/mine.py", 7)
