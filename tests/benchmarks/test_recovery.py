from benchmarks.elastic.step_log import Recovery
from benchmarks.recovery import WAYS, _describe_event, _describe_interval


def values(case):
    return {one["what"]: one["value"] for one in case["findings"]}


def test_event_compares_the_times_until_a_new_step():
    found = {"firelib": [Recovery(20, 21, 3, 2), Recovery(30, 31, 5, 2)], "Ray Train": [Recovery(20, 42, 90, 2)] * 2}
    shown = values(_describe_event("a worker is killed", found, {}))
    assert shown["firelib: until a new step"] == 26
    assert shown["firelib: steps taken again"] == 4
    assert shown["Ray Train: steps taken again"] == 90
    assert shown[" ÷ ".join(WAYS)] == 26 / 42


def test_way_that_failed_is_named_and_not_compared():
    case = _describe_event("a worker is killed", {"firelib": [Recovery(20, 21, 3, 2)]}, {"Ray Train": "in round 1: …"})
    assert case["absent"] == {"Ray Train": "in round 1: …"}
    assert " ÷ ".join(WAYS) not in values(case)


def test_interval_costs_time_and_loses_half_of_itself():
    rates = {"no checkpoint": [2048.0], "every 20 steps": [1024.0]}
    overhead, lost = (one["value"] for one in _describe_interval(20, rates))
    assert overhead == 100, "half the rate is twice the time"
    assert lost == 10, "half of 20 steps of a second"
