"""The table, the page and the charts of results."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness import report

CASE: dict[str, Any] = {
    "title": "rows",
    "unit": "rows/s",
    "bars": [{"name": "ours", "value": 1234.5, "low": 1000.0, "high": 1500.0, "settings": "the best"}],
    "findings": [
        {"what": "ours ÷ peer", "value": 5.0, "low": 4.126, "high": 600.4, "unit": "×", "goal": "≥ 4.5"},
        {"what": "growth", "value": 12.0, "low": 12.0, "high": 12.0, "unit": "%", "goal": "< 10"},
    ],
    "absent": {"peer two": "not installed"},
}
RESULT: dict[str, Any] = {
    "name": "b",
    "question": "Why?",
    "machine": {"cores": 2, "cpu": "x", "python": "3", "load_before": 0.5},
    "cases": [CASE],
}


def test_row_tells_the_goal_and_whether_it_is_reached() -> None:
    assert report.lines(RESULT) == [
        ["b", "rows", "ours ÷ peer", "5 ×", "4.13 … 600", "≥ 4.5", "yes"],
        ["b", "rows", "growth", "12 %", "12 … 12", "< 10", "no"],
    ]


@pytest.mark.parametrize(
    ("value", "goal", "expected"),
    [(4.5, "≥ 4.5", "yes"), (4.4, "≥ 4.5", "no"), (9.9, "< 10", "yes"), (10.0, "< 10", "no"), (1.0, "", "")],
)
def test_goals(value: float, goal: str, expected: str) -> None:
    assert report.reached({"value": value, "goal": goal}) == expected


def test_page_keeps_the_text_around_the_results() -> None:
    text = f"before\n{report.BEGIN}old\n{report.END}after\n"
    once = report.replaced(text, report.page([RESULT]))
    assert once.startswith("before\n")
    assert once.endswith("after\n")
    assert "old" not in once
    assert "| ours | 1,234 | the best |" in once
    assert "peer two was omitted: not installed" in once
    assert report.replaced(once, report.page([RESULT])) == once


def test_page_in_the_repository_has_the_markers() -> None:
    text = report.PAGE.read_text()
    assert report.replaced(text, "x").count("x\n") >= 1


def test_only_results_with_cases_are_reported(tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text(json.dumps(RESULT))
    (tmp_path / "stages.json").write_text(json.dumps({"train": {"wall_s": 1}}))
    assert report.load(tmp_path) == [RESULT]


def test_charts_are_drawn(tmp_path: Path) -> None:
    path = report.chart({**RESULT, "cases": [CASE, {**CASE, "bars": CASE["bars"] * 3}]}, tmp_path / "b.png")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_columns_are_aligned() -> None:
    assert report.aligned([["a", "b", "c"], ["long", "x", ""]]) == "a     b  c\nlong  x"
