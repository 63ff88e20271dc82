"""PSI and KS against their definitions."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp  # type: ignore[import-untyped]

from firelib.data.versions.drift import MOVED_FAR, measure_drift
from firelib.recipe import Feature

NUMBER, WORD = Feature("x", "float32", nullable=True), Feature("w", "string", max_length=4, nullable=True)
NUMBERS = st.lists(st.one_of(st.none(), st.floats(-5, 5)), min_size=1, max_size=60)
WORDS = st.lists(st.sampled_from([None, "", "a", "b", "c", "d"]), min_size=1, max_size=60)


def numbers(values: Any) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, pa.float64())])


def words(values: Any) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, pa.string())])


@given(NUMBERS, st.randoms())
def test_the_same_numbers_in_another_order_have_not_moved(values: list[float | None], random: Any) -> None:
    drift = measure_drift(NUMBER, numbers(values), numbers(random.sample(values, len(values))))
    assert (drift.psi, drift.ks) == (0, 0)


@given(WORDS, st.randoms())
def test_the_same_words_in_another_order_have_not_moved(values: list[str | None], random: Any) -> None:
    assert measure_drift(WORD, words(values), words(random.sample(values, len(values)))).psi == 0


@given(NUMBERS, NUMBERS)
def test_ks_is_that_of_scipy(before: list[float | None], after: list[float | None]) -> None:
    present = [[value for value in values if value is not None] for values in (before, after)]
    drift = measure_drift(NUMBER, numbers(before), numbers(after))
    assert drift.psi >= 0
    if all(present):
        assert drift.ks == pytest.approx(ks_2samp(*present).statistic)
        assert drift.before.mean == pytest.approx(np.mean(present[0]))
        assert drift.after.std == pytest.approx(np.std(present[1]))
    assert drift.before.missing == pytest.approx(before.count(None) / len(before))


def test_psi_of_words_is_its_definition() -> None:
    drift = measure_drift(WORD, words(["a"] * 6 + ["b"] * 4), words(["a"] * 3 + ["b"] * 7))
    assert drift.psi == pytest.approx((0.3 - 0.6) * np.log(0.3 / 0.6) + (0.7 - 0.4) * np.log(0.7 / 0.4))
    assert drift.ks is None
    assert (drift.before.distinct, drift.after.distinct) == (2, 2)


def test_psi_grows_with_the_distance() -> None:
    values = np.random.default_rng(0).normal(size=5000)
    moved = [measure_drift(NUMBER, numbers(values), numbers(values + shift)).psi for shift in (0.0, 0.2, 0.5, 1.0)]
    assert moved == sorted(moved)
    assert moved[0] == 0
    assert moved[-1] > MOVED_FAR


def test_more_missing_values_are_drift() -> None:
    values = list(np.random.default_rng(0).normal(size=1000))
    drift = measure_drift(NUMBER, numbers(values), numbers([*values[:500], *[None] * 500]))
    assert (drift.before.missing, drift.after.missing) == (0, 0.5)
    assert drift.psi > MOVED_FAR


def test_new_words_are_drift() -> None:
    before = words(["a"] * 50 + ["b"] * 50)
    assert measure_drift(WORD, before, words(["a"] * 50 + ["new"] * 50)).psi > MOVED_FAR


@pytest.mark.parametrize(
    ("feature", "kind", "before", "after", "mean"),
    [
        (Feature("i", "int64", nullable=True, missing=-1), pa.int64(), [1, -1, None], [1, 1, 1], 1.0),
        (Feature("b", "bool"), pa.bool_(), [True, False], [True, True], 0.5),
        (Feature("a", "uint8", shape=(2,)), pa.list_(pa.uint8()), [[0, 2], [2, 4]], [[9, 9], [9, 9]], 2.0),
        (Feature("r", "float32", ragged=True), pa.list_(pa.float32()), [[1.0], []], [[1.0], [3.0]], 1.0),
        (Feature("s", "string", ragged=True), pa.list_(pa.string()), [["a"], ["a", "b"]], [["a"], []], 1.5),
        (Feature("p", "bytes"), pa.binary(), [b"ab", b""], [b"a", b"a"], 1.0),
    ],
    ids=["sentinels", "bools", "arrays", "lists", "lists of words", "bytes"],
)
def test_each_kind_of_feature_has_statistics(
    feature: Feature, kind: pa.DataType, before: list[Any], after: list[Any], mean: float
) -> None:
    drift = measure_drift(feature, *(pa.chunked_array([pa.array(values, kind)]) for values in (before, after)))
    assert drift.before.mean == mean
    assert drift.psi > 0


def test_a_feature_without_values() -> None:
    drift = measure_drift(NUMBER, numbers([None, None]), numbers([1.0, None]))
    assert drift.before.missing == 1
    assert drift.ks == 1
    assert drift.psi > MOVED_FAR
