"""The geometry of the drawings: everything inside of its frame, and nothing lost without being said."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firelib.report.drawings.axis import label, ticks
from firelib.report.drawings.bars import Bar, BarChart
from firelib.report.drawings.graph import Graph
from firelib.report.drawings.lines import LineChart, thin_out
from firelib.report.drawings.timeline import Span, Timeline

FINITE = st.floats(-1e9, 1e9)


@given(FINITE, FINITE)
def test_ticks_are_between_the_bounds(first: float, second: float) -> None:
    low, high = min(first, second), max(first, second)
    found = ticks(low, high)
    assert found == sorted(found)
    assert len(found) <= 7
    slack = 1e-6 * max(abs(low), abs(high), 1e-12) + 1e-12
    assert all(low - slack <= tick <= high + slack for tick in found)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (0, 1240, [0, 250, 500, 750, 1000]), (3, 3, [3]), (0, math.inf, [0])],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == expected


@pytest.mark.parametrize(("value", "text"), [(0.25, "0.25"), (3.0, "3"), (1200, "1,200"), (2.5e6, "2.5M")])
def test_labels(value: float, text: str) -> None:
    assert label(value) == text


@given(st.lists(st.tuples(FINITE, st.floats()), max_size=30))
def test_curves_stay_in_the_frame(points: list[tuple[float, float]]) -> None:
    chart = LineChart("loss", "step", "loss", {"loss": points}, {"restart 1": 5.0})
    for pair in chart.paths["loss"].split():
        x, y = map(float, pair.split(","))
        assert chart.left <= x <= chart.width - chart.right
        assert chart.top <= y <= chart.height - chart.bottom
    assert "restart 1 at step 5" in chart.alt


def test_long_curves_are_thinned_out() -> None:
    points = [(float(step), 1.0) for step in range(10_001)]
    found = thin_out(points)
    assert len(found) <= 400
    assert found[0][0] < 30
    assert found[-1][0] > 9_900
    assert thin_out([]) == []


def test_a_stage_is_to_the_right_of_all_that_it_needs() -> None:
    parents = {"a": [], "b": ["a"], "c": ["a", "b"], "d": ["a"]}
    graph = Graph("stages", parents, {})
    for name, needed in parents.items():
        assert all(graph.nodes[parent].x < graph.nodes[name].x for parent in needed)
    assert len({(node.x, node.y) for node in graph.nodes.values()}) == 4
    assert len(graph.arrows) == 4
    assert "c needs a, b" in graph.alt


def test_the_longest_bar_fits() -> None:
    chart = BarChart("rates", "rows/s", [Bar("ours", 10, 9, 12), Bar("theirs", 0, 0, 0)])
    assert chart.at(12) == chart.width - chart.right
    assert chart.at(0) == chart.at(-1) == chart.left
    assert "ours 10" in chart.alt


def test_a_timeline_has_a_lane_for_each_process() -> None:
    spans = [Span("n1 a", "read", 0, 4), Span("n1 b", "write", 1, 2), Span("n1 a", "write", 4, 5)]
    timeline = Timeline("tasks", spans)
    assert list(timeline.lanes) == ["n1 a", "n1 b"]
    assert (timeline.at(0), timeline.at(5)) == (timeline.left, timeline.width - timeline.right)
    assert timeline.kinds == {"read": 1, "write": 2}
    assert "3 tasks in 2 processes, 5.0 s" in timeline.alt


def test_nothing_to_draw() -> None:
    assert Timeline("tasks", []).height > 0
    assert BarChart("rates", "s", []).at(1) > 0
    assert LineChart("loss", "step", "loss", {}).x_ticks
