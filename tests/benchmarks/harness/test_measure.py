"""Rates, ratios and results; no test depends on speed."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness import measure
from benchmarks.harness.measure import Pair, Way, compared, interleaved, present, ratios, save, spread


def test_ratios_are_computed_per_round() -> None:
    rates = {"ours": [10.0, 40.0, 90.0], "peer": [10.0, 20.0, 30.0]}
    assert ratios(rates, "ours", "peer") == {"value": 2.0, "low": 1.0, "high": 3.0}


def test_spread_of_one_value() -> None:
    assert spread([7.0]) == {"value": 7.0, "low": 7.0, "high": 7.0}


def test_ways_alternate_after_a_warm_up_round() -> None:
    calls: list[str] = []

    def way(name: str) -> Way:
        return Way(lambda: calls.append(name), "", 10, before=lambda: calls.append(f"before {name}"))

    rates = interleaved({"a": way("a"), "b": way("b")}, rounds=2, turn_seconds=0)
    a, b = ["before a", "a"], ["before b", "b"]
    assert calls == a + b + b + a + a + b
    assert [len(each) for each in rates.values()] == [2, 2]


def test_way_may_return_its_own_seconds() -> None:
    assert interleaved({"there": Way(lambda: 0.5, "", 10)}, rounds=1, turn_seconds=0) == {"there": [20.0]}


def test_short_runs_are_repeated_and_their_median_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(0, 0.07)
    monkeypatch.setattr("benchmarks.harness.measure.time.perf_counter", lambda: next(clock))
    seconds = itertools.cycle([9.0, 1.0, 5.0])
    assert interleaved({"short": Way(lambda: next(seconds), "", 10)}, rounds=1) == {"short": [2.0]}


def test_missing_peer_is_named_and_omitted() -> None:
    def missing() -> Way:
        raise ImportError("no module named peer")

    here = Way(lambda: None, "", 1)
    ways, absent = present({"peer": missing, "ours": lambda: here})
    assert ways == {"ours": here}
    assert absent == {"peer": "ImportError: no module named peer"}


def test_case_compares_the_measured_ways() -> None:
    ways = {name: Way(lambda: None, f"settings of {name}", 1) for name in ("ours", "peer")}
    rates = {"ours": [3.0], "peer": [2.0]}
    case = compared("rows", ways, rates, [Pair("ours", "peer", 1.2), Pair("ours", "absent")], {"absent": "why"})
    assert [bar["settings"] for bar in case["bars"]] == ["settings of ours", "settings of peer"]
    assert [(found["what"], found["value"], found["goal"]) for found in case["findings"]] == [
        ("ours ÷ peer", 1.5, "≥ 1.2")
    ]
    assert case["absent"] == {"absent": "why"}


def test_results_are_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "RESULTS", tmp_path / "results")
    cases: list[dict[str, Any]] = [{"title": "t", "unit": "×", "bars": [], "findings": [], "absent": {}}]
    content = json.loads(save("name", "Why?", cases).read_text())
    assert content["question"] == "Why?"
    assert content["cases"] == cases
    assert content["machine"]["cores"] >= 1
