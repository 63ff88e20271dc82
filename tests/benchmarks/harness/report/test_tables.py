"""Results as rows of text."""

from benchmarks.harness.report import tables
from benchmarks.harness.schema import Round
from tests.benchmarks.harness.results import make_result


def test_row_tells_the_winner_and_whether_the_goal_is_reached() -> None:
    assert tables.rows(make_result()) == [
        ["b", "rows", "ours ÷ peer", "5 ×", "4.13 … 600", "ours", "≥ 4", "yes"],
        ["b", "rows", "growth", "12 %", "12 … 12", "", "< 10", "no"],
    ]


def test_results_that_are_not_fit_are_marked() -> None:
    result = make_result(complete=False, busy=True, form="short")
    assert tables.rows(result)[0][0] == "b (partial, busy machine, short)"
    assert "partial" in tables.describe(result)


def test_ways_with_what_they_use() -> None:
    ours, peer = tables.way_rows(make_result().cases[0])
    assert ours == ["ours", "1,234", "1,000 … 1,500", "200", "1.5", "90", "7", "the <best>"]
    assert peer == ["peer", "200", "150 … 300", "", "", "", "", ""]


def test_rounds_are_counted() -> None:
    quiet = Round(seconds=1, compute_ms=1, memory_ms=1, steal=0, others=0, counts=True)
    noisy = quiet.model_copy(update={"disturbed": ["noise"]})
    repeated = noisy.model_copy(update={"counts": False})
    text = tables.describe(make_result(rounds=[quiet, repeated, noisy]))
    assert "2 rounds in all, 1 of them disturbed, 1 repeated" in text


def test_columns_are_aligned() -> None:
    assert tables.aligned([["a", "b", "c"], ["long", "x", ""]]) == "a     b  c\nlong  x"
