"""The check of the planner: what it predicts from what, and what it calls an error."""

import pytest

from benchmarks.planner import HELD_OUT, ReadCurve, _case, _predict_far, _predict_groups


def test_the_error_is_that_of_each_round():
    case = _case("a title", "s", {"flights": ([10.0, 20.0, 10.0], [11.0, 20.0, 8.0])})
    [found] = case["findings"]
    assert (found["value"], found["low"], found["high"]) == pytest.approx((10, 0, 20))
    assert found["goal"] == "≤ 15"
    assert [bar["name"] for bar in case["bars"]] == ["flights, measured", "flights, predicted"]


def test_three_configurations_are_held_out():
    assert sorted(HELD_OUT) == ["reading", "training", "transform"]


def test_two_workers_are_predicted_without_their_own_figures():
    """The figures of an idle run; those of two workers count for the other recipe only."""
    flights = (1024, 240_000, _rates(89_201, 75_009, 96_452))
    fashion = (256, 1_690_000, _rates(2_758, 2_686, 4_632))
    case = _predict_groups({"flights": flights, "fashion_mnist": fashion}, rounds=1)
    assert [found["value"] <= 15 for found in case["findings"]] == [True, True]
    wrong = (1024, 240_000, _rates(89_201, 75_009, 96_452 / 3))
    changed = _predict_groups({"flights": wrong, "fashion_mnist": fashion}, rounds=1)
    assert _bar(changed, "flights, predicted") == _bar(case, "flights, predicted")
    assert _bar(changed, "fashion_mnist, predicted") < _bar(case, "fashion_mnist, predicted")


def test_a_far_store_takes_longer_than_the_near_one_by_some_latencies():
    shape = ReadCurve(block_rows=256, row_bytes=469, request=0.0, row=0.0)
    far = _predict_far(shape, 400_000, disk=0.5, near=2.0)
    assert 2.02 < far < 2.0 + 13 * 0.02  # of 12 windows
    assert _predict_far(shape, 400_000, disk=50.0, near=50.0) == pytest.approx(50, abs=0.1)  # decoding hides it


def _rates(one, half, two):
    return {"1 worker": [one], "1 worker, half batch": [half], "2 workers": [two]}


def _bar(case, name):
    return next(bar["value"] for bar in case["bars"] if bar["name"] == name)
