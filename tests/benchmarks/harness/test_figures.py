"""Medians, ratios, winners and goals."""

from typing import Any

import pytest

from benchmarks.harness.figures import compared, finding, is_reached, name_winner, pooled_spread, ratios, spread
from benchmarks.harness.measure import Pair, Way
from benchmarks.harness.schema import Finding


def line(values: list[float], **fields: Any) -> Finding:
    return Finding.model_validate({"what": "a ÷ b", **spread(values), "ours": "a", "peer": "b", **fields})


def test_ratios_are_computed_per_round() -> None:
    rates = {"ours": [10.0, 40.0, 90.0], "peer": [10.0, 20.0, 30.0]}
    assert ratios(rates, "ours", "peer") == {"value": 2.0, "low": 1.0, "high": 3.0, "values": [1.0, 2.0, 3.0]}


def test_spread_of_one_value() -> None:
    assert spread([7.0]) == {"value": 7.0, "low": 7.0, "high": 7.0, "values": [7.0]}


def test_each_process_counts_by_its_median() -> None:
    pooled = pooled_spread([[1.0, 2.0, 9.0], [4.0, 4.0, 4.0], [3.0, 0.0, 5.0]])
    assert (pooled["value"], pooled["low"], pooled["high"]) == (3.0, 2.0, 4.0)
    assert len(pooled["values"]) == 9


def test_rounds_of_a_single_process_count_themselves() -> None:
    assert pooled_spread([[1.0, 2.0, 9.0]]) == spread([1.0, 2.0, 9.0])


@pytest.mark.parametrize(
    ("values", "winner"),
    [
        ([1.2, 1.1, 1.3], "a"),
        ([0.7, 0.9, 0.8], "b"),
        ([0.9, 1.5, 1.4], "no winner"),
        ([3.0, 3.0], "no winner"),
    ],
    ids=["faster", "slower", "spread-contains-1", "too-few-rounds"],
)
def test_a_winner_needs_rounds_and_an_effect_larger_than_the_spread(values: list[float], winner: str) -> None:
    assert name_winner(line(values)) == winner


def test_only_ratios_of_ways_have_a_winner() -> None:
    assert name_winner(line([2.0, 2.0, 2.0], ours="", peer="")) == ""


@pytest.mark.parametrize(
    ("values", "goal", "expected"),
    [
        ([4.5, 5.0, 5.0], "≥ 4.5", "yes"),
        ([4.0, 4.4, 4.2], "≥ 4.5", "no"),
        ([4.4, 4.6, 4.5], "≥ 4.5", "unclear"),
        ([9.9] * 3, "< 10", "yes"),
        ([10.0] * 3, "< 10", "no"),
        ([5.0] * 3, "≤ 5", "yes"),
        ([1.0], "< 10", "unclear"),
        ([20.0, 20.0], "< 10", "unclear"),
        ([1.0], "", ""),
        ([1.0], "1", ""),
    ],
)
def test_a_goal_is_reached_by_the_whole_spread(values: list[float], goal: str, expected: str) -> None:
    assert is_reached(line(values, goal=goal)) == expected


@pytest.mark.parametrize(("goal", "better"), [("≥ 1", "higher"), ("≤ 1", "lower"), ("< 1", "lower"), ("0", "")])
def test_the_goal_tells_which_values_are_better(goal: str, better: str) -> None:
    assert finding("x", spread([1.0]), "", goal)["better"] == better


def test_case_compares_the_measured_ways() -> None:
    ways = {name: Way(lambda: None, f"settings of {name}", 1) for name in ("ours", "peer")}
    rates = {"ours": [3.0], "peer": [2.0]}
    case = compared("rows", ways, rates, [Pair("ours", "peer", 1.2), Pair("ours", "absent")], {"absent": "why"})
    assert [bar["settings"] for bar in case["bars"]] == ["settings of ours", "settings of peer"]
    assert [(found["what"], found["value"], found["goal"], found["better"]) for found in case["findings"]] == [
        ("ours ÷ peer", 1.5, "≥ 1.2", "higher")
    ]
    assert case["absent"] == {"absent": "why"}
