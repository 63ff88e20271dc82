"""Curves of extract and transform, fitted to measurements."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firelib.launch.client.capacity.model.stage_curve import Point, StageCurve, fit_stage

ROWS = st.floats(1e3, 1e10)
CORES = st.integers(1, 4096)
CURVE = fit_stage([Point(1e6, 2, 3.7), Point(1e7, 2, 24.8), Point(1e7, 4, 14)], usual_fixed=1)


def test_two_sizes_give_the_fixed_seconds():
    curve = fit_stage([Point(1e6, 2, 3.7), Point(1e7, 2, 24.8)], usual_fixed=99)
    assert curve.fixed == pytest.approx(1.356, abs=0.01)
    assert curve.parallel == pytest.approx(2 * 2.344e-6, rel=0.01)


def test_thirty_million_rows_are_predicted_from_ten():
    curve = fit_stage([Point(1e6, 2, 3.7), Point(1e7, 2, 24.8)], usual_fixed=99)
    assert curve.seconds(3.3e7, 2) == pytest.approx(77.6, rel=0.15)


def test_one_size_takes_the_usual_fixed_seconds():
    assert fit_stage([Point(1e6, 2, 10)], usual_fixed=2).fixed == 2
    assert fit_stage([Point(1e6, 2, 3)], usual_fixed=2).fixed == 1.5


def test_two_numbers_of_cores_give_the_serial_share():
    true = StageCurve(5, 1e-6, 4e-6, 0, 0)
    points = [Point(rows, cores, true.seconds(rows, cores)) for rows in (1e6, 1e7) for cores in (1, 4)]
    found = fit_stage(points, usual_fixed=0)
    assert (found.fixed, found.serial, found.parallel) == pytest.approx((5, 1e-6, 4e-6))
    assert (found.most_rows, found.most_cores) == (1e7, 4)


def test_no_coefficient_is_negative():
    found = fit_stage([Point(1e6, 2, 9), Point(1e7, 2, 10), Point(2e7, 2, 9)], usual_fixed=0)
    assert min(found.fixed, found.serial, found.parallel) >= 0
    shrinking = fit_stage([Point(1e6, 2, 1), Point(1e7, 2, 20)], usual_fixed=0)
    assert shrinking.fixed == 0


@pytest.mark.parametrize(
    "points",
    [
        [Point(327_346, 2, 8.0), Point(336_776, 2, 7.5)],  # nearly equal sizes, in which noise looks like a slope
        [Point(327_346, 2, 7.5), Point(336_776, 2, 8.0)],
        [Point(1e6, 2, 9), Point(1e7, 2, 10), Point(2e7, 2, 9)],
        [Point(1e6, 2, 9), Point(2e7, 2, 9)],
    ],
)
def test_rows_are_never_free(points):
    found = fit_stage(points, usual_fixed=1)
    assert found.fixed == 1
    rows, cores, seconds = points[-1].rows, points[-1].cores, points[-1].seconds
    assert found.seconds(rows, cores) == pytest.approx(seconds, rel=0.5)
    assert found.seconds(1e9, cores) > 20 * seconds


@given(ROWS, ROWS, CORES)
def test_more_rows_never_take_less_time(few, many, cores):
    few, many = sorted((few, many))
    assert CURVE.seconds(few, cores) <= CURVE.seconds(many, cores)


@given(ROWS, CORES, CORES)
def test_more_cores_never_take_more_time(rows, few, many):
    few, many = sorted((few, many))
    assert CURVE.seconds(rows, many) <= CURVE.seconds(rows, few)
