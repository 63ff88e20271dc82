"""Turns, rounds and what ways use; no test depends on speed."""

import itertools
import time

import pytest

from benchmarks.harness import interleave
from benchmarks.harness.interleave import order
from benchmarks.harness.measure import RESULTS_VARIABLE, Way, compared, interleaved, present

pytestmark = pytest.mark.usefixtures("undisturbed")


def test_ways_alternate_after_a_warm_up_round() -> None:
    calls: list[str] = []

    def way(name: str) -> Way:
        return Way(lambda: calls.append(name), "", 10, before=lambda: calls.append(f"before {name}"))

    ways = {"a": way("a"), "b": way("b")}
    rates = interleaved(ways, rounds=2, turn_seconds=0)
    assert calls == [step for call in range(3) for name in order(["a", "b"], call) for step in (f"before {name}", name)]
    assert [len(each) for each in rates.values()] == [2, 2]
    assert rates.calls == [1, 2]


def test_no_way_always_has_the_same_place_or_neighbour(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["firelib", "b", "c", "d"]
    orders = []
    for process in range(3):  # each measures one round, after the one that warms up
        monkeypatch.setenv(RESULTS_VARIABLE, f"/anywhere/{process}")
        orders.append(order(names, call=1))
        assert orders[-1] == order(names, call=1)
    assert all(sorted(each) == sorted(names) for each in orders)
    assert len({each.index("firelib") for each in orders}) > 1
    assert len({(each * 2)[each.index("firelib") + 1] for each in orders}) > 1


def test_way_may_return_its_own_seconds() -> None:
    assert interleaved({"there": Way(lambda: 0.5, "", 10)}, rounds=1, turn_seconds=0) == {"there": [20.0]}


def test_short_runs_are_repeated_and_their_median_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(0, 0.07)
    monkeypatch.setattr(interleave, "read_counters", lambda: interleave.Counters(0, 0))
    monkeypatch.setattr("benchmarks.harness.interleave.time.perf_counter", lambda: next(clock))
    seconds = itertools.cycle([9.0, 1.0, 5.0])
    assert interleaved({"short": Way(lambda: next(seconds), "", 10)}, rounds=1) == {"short": [2.0]}


def test_missing_peer_is_named_and_omitted() -> None:
    def missing() -> Way:
        raise ImportError("no module named peer")

    here = Way(lambda: None, "", 1)
    ways, absent = present({"peer": missing, "ours": lambda: here})
    assert ways == {"ours": here}
    assert absent == {"peer": "ImportError: no module named peer"}


def test_firelib_is_never_missing() -> None:
    def broken() -> Way:
        raise RuntimeError("no shards")

    with pytest.raises(RuntimeError, match="no shards"):
        present({"firelib shuffled": broken})


def test_usage_tells_computing_from_waiting_and_counts_no_preparation() -> None:
    ways = {
        "computing": Way(lambda: _compute(0.03), "", 10),
        "waiting": Way(lambda: time.sleep(0.1), "", 10, before=lambda: _compute(0.03)),
        "difference": Way(lambda: 1.0, "", 10, counts_cpu=False),
    }
    rates = interleaved(ways, rounds=2, turn_seconds=0)
    case = compared("t", ways, rates, [], {})
    usage = {bar["name"]: bar["usage"] for bar in case["bars"]}
    assert min(usage["computing"]["cpu_seconds"]) >= 0.03
    assert max(usage["waiting"]["cpu_seconds"]) < 0.03
    assert usage["difference"] == {"rows": 10}
    assert min(usage["computing"]["peak_mib"]) > 10


def test_rates_can_be_renamed() -> None:
    rates = interleaved({"a, loop": Way(lambda: 0.5, "", 10)}, rounds=1, turn_seconds=0)
    renamed = rates.renamed({"a": "a, loop"})
    assert renamed == {"a": [20.0]}
    assert renamed.usage["a"]["rows"] == 10


def _compute(cpu_seconds: float) -> None:
    """Compute until this process has used CPU time, however long that takes."""
    end = time.process_time() + cpu_seconds
    while time.process_time() < end:
        pass
