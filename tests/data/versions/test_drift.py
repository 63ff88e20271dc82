"""PSI and KS against their definitions."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp  # type: ignore[import-untyped]

from firelib.data.versions.drift import MOVED_FAR, Drift, measure_drift

NUMBERS = st.lists(st.one_of(st.none(), st.floats(-5, 5)), min_size=1, max_size=60)
WORDS = st.lists(st.sampled_from([None, "", "a", "b", "c", "d"]), min_size=1, max_size=60)


def numbers(values: Any) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, pa.float64())])


def words(values: Any) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, pa.string())])


def compare(before: pa.ChunkedArray, after: pa.ChunkedArray) -> Drift:
    return measure_drift("x", before, after)


@given(NUMBERS, st.randoms())
def test_the_same_numbers_in_another_order_have_not_moved(values: list[float | None], random: Any) -> None:
    drift = compare(numbers(values), numbers(random.sample(values, len(values))))
    assert (drift.psi, drift.ks) == (0, 0)


@given(WORDS, st.randoms())
def test_the_same_words_in_another_order_have_not_moved(values: list[str | None], random: Any) -> None:
    assert compare(words(values), words(random.sample(values, len(values)))).psi == 0


@given(NUMBERS, NUMBERS)
def test_ks_is_that_of_scipy(before: list[float | None], after: list[float | None]) -> None:
    present = [[value for value in values if value is not None] for values in (before, after)]
    drift = compare(numbers(before), numbers(after))
    assert drift.psi >= 0
    if all(present):
        assert drift.ks == pytest.approx(ks_2samp(*present).statistic)
        assert drift.before.mean == pytest.approx(np.mean(present[0]))
        assert drift.after.std == pytest.approx(np.std(present[1]))
    assert drift.before.missing == pytest.approx(before.count(None) / len(before))


def test_psi_of_words_is_its_definition() -> None:
    drift = compare(words(["a"] * 6 + ["b"] * 4), words(["a"] * 3 + ["b"] * 7))
    assert drift.psi == pytest.approx((0.3 - 0.6) * np.log(0.3 / 0.6) + (0.7 - 0.4) * np.log(0.7 / 0.4))
    assert drift.ks is None
    assert (drift.before.distinct, drift.after.distinct) == (2, 2)


def test_psi_grows_with_the_distance() -> None:
    values = np.random.default_rng(0).normal(size=5000)
    moved = [compare(numbers(values), numbers(values + shift)).psi for shift in (0.0, 0.2, 0.5, 1.0)]
    assert moved == sorted(moved)
    assert moved[0] == 0
    assert moved[-1] > MOVED_FAR


def test_more_missing_values_are_drift() -> None:
    values = list(np.random.default_rng(0).normal(size=1000))
    drift = compare(numbers(values), numbers([*values[:500], *[None] * 500]))
    assert (drift.before.missing, drift.after.missing) == (0, 0.5)
    assert drift.psi > MOVED_FAR


def test_new_words_are_drift() -> None:
    before = words(["a"] * 50 + ["b"] * 50)
    assert compare(before, words(["a"] * 50 + ["new"] * 50)).psi > MOVED_FAR


def test_a_constant_moves_in_both_directions() -> None:
    constant, words_before = numbers([5.0] * 100), words([""] * 100)
    for other in (3.0, 7.0):
        drift = compare(constant, numbers([other] * 100))
        assert drift.psi > MOVED_FAR
        assert drift.ks == 1
    assert compare(words_before, words(["a"] * 100)).psi > MOVED_FAR


def test_a_value_of_many_rows_moves_in_both_directions() -> None:
    """Numbers below the zeros must not be in their bin."""
    before = [0.0] * 800 + [1.0, 2.0] * 100
    for other in (-1.0, 0.5):
        assert compare(numbers(before), numbers([*[other] * 800, *before[800:]])).psi > MOVED_FAR


def test_a_feature_without_values() -> None:
    drift = compare(numbers([None, None]), numbers([1.0, None]))
    assert drift.before.missing == 1
    assert drift.ks == 1
    assert drift.psi > MOVED_FAR
