from dataclasses import replace

import pytest

from benchmarks.elastic.step_log import Record
from benchmarks.elastic.trace import Change
from benchmarks.spot_trace import Replay, _describe, _fastest


def replay(pace, committed, workers=2, repeated=0):
    records = [Record(index * pace, index, workers, "a") for index in range(100)]
    again = [Record(1000 + index * pace, 100 - repeated + index, workers, "b") for index in range(repeated)]
    return Replay([*records, *again], begin=0, committed=committed)


def test_goodput_is_the_committed_share_of_the_possible_steps():
    replays = {"firelib": replay(0.5, committed=60, repeated=4), "Ray Train": replay(1, committed=30)}
    case = _describe(replays, {}, [Change(20, 1, False)], 60, "")
    shown = {one["what"]: one["value"] for one in case["findings"]}
    possible = 20 / 0.5 + 40 / 1.0  # one worker never trained: half as fast as two
    assert shown["firelib: goodput"] == pytest.approx(60 / possible)
    assert shown["Ray Train: goodput"] == pytest.approx(30 / possible)
    assert shown["firelib: steps taken again"] == 4
    assert shown["firelib ÷ Ray Train"] == pytest.approx(2)


def test_way_that_committed_nothing_is_not_divided_by():
    replays = {"firelib": replay(0.5, committed=60), "Ray Train": replay(1, committed=0)}
    whats = [one["what"] for one in _describe(replays, {}, [], 60, "")["findings"]]
    assert "firelib ÷ Ray Train" not in whats


def test_fastest_pace_of_each_number_of_workers():
    alone = replay(0.7, 0, workers=1).records
    both = replace(replay(0.5, 0), records=[*replay(0.5, 0).records, *(replace(one, file="c") for one in alone)])
    assert _fastest([both, replay(0.4, 0)]) == pytest.approx({1: 0.7, 2: 0.4})
