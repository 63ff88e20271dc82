import math
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firelib.recipe import Feature
from firelib.tfrecord.format.arrow_columns import to_column
from firelib.tfrecord.write import statistics, vocabulary
from firelib.tfrecord.write.statistics import Moments, compute_moments, fit_feature, merge_moments

FLOAT = Feature("x", "float32", nullable=True)
INTEGER = Feature("x", "int64", nullable=True, missing=-1)
WORD = Feature("x", "string", max_length=8, nullable=True)
NUMBERS = st.lists(st.floats(-1e6, 1e6, width=32) | st.just(math.nan), max_size=60)
BYTE = Feature("x", "uint8", shape=(3,))
WORDS = st.lists(st.text("abé", max_size=3), max_size=60)


def cut(values: list[Any], cuts: list[int]) -> list[list[Any]]:
    """A partition of the values; some parts are empty."""
    edges = [0, *sorted(cut % (len(values) + 1) for cut in cuts), len(values)]
    return [values[low:high] for low, high in pairwise(edges)]


def float_moments(values: list[float]) -> Moments:
    return compute_moments(np.array(values, np.float32), FLOAT)


def word_moments(values: list[str]) -> Moments:
    return compute_moments(np.array([word.encode() for word in values], "S8"), WORD)


@given(NUMBERS, st.lists(st.integers(0, 100), max_size=5))
def test_merged_parts_equal_the_whole(values: list[float], cuts: list[int]) -> None:
    whole, parts = float_moments(values), merge_moments(float_moments(part) for part in cut(values, cuts))
    assert (parts.count, parts.missing) == (whole.count, whole.missing)
    assert (parts.minimum, parts.maximum) == (whole.minimum, whole.maximum)
    assert parts.mean == pytest.approx(whole.mean, rel=1e-9, abs=1e-6)
    assert parts.m2 == pytest.approx(whole.m2, rel=1e-9, abs=1e-3)


@given(WORDS, st.lists(st.integers(0, 100), max_size=5))
def test_merged_strings_equal_the_whole(values: list[str], cuts: list[int]) -> None:
    parts = merge_moments(word_moments(part) for part in cut(values, cuts))
    assert parts == word_moments(values)
    assert parts.count == sum(word != "" for word in values)
    assert parts.missing == sum(word == "" for word in values)


@given(NUMBERS, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_change_a_bit(values: list[float], random: Any) -> None:
    shuffled = random.sample(values, len(values))
    assert float_moments(shuffled) == float_moments(values)


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=60))
def test_statistics_agree_with_numpy(values: list[float]) -> None:
    fitted, exact = fit_feature(FLOAT, float_moments(values)), np.array(values, np.float32).astype(np.float64)
    assert fitted.mean == pytest.approx(exact.mean(), rel=1e-9, abs=1e-6)
    assert fitted.std == pytest.approx(exact.std(), rel=1e-6, abs=1e-4)
    assert (fitted.minimum, fitted.maximum) == (exact.min(), exact.max())


def test_a_large_offset_loses_no_precision() -> None:
    """The textbook formula (mean of squares minus square of the mean) would give 0 or less here."""
    values = np.array([1e9, 1e9 + 1, 1e9 + 2])
    parts = [compute_moments(values[:1], Feature("x", "float64")), compute_moments(values[1:], Feature("x", "float64"))]
    assert fit_feature(Feature("x", "float64"), merge_moments(parts)).std == pytest.approx(math.sqrt(2 / 3), rel=1e-12)


def test_the_value_for_missing_integers_does_not_count() -> None:
    fitted = fit_feature(INTEGER, compute_moments(np.array([-1, 3, -1, 5]), INTEGER))
    assert (fitted.count, fitted.missing, fitted.mean, fitted.minimum, fitted.maximum) == (2, 2, 4.0, 3.0, 5.0)


def test_every_element_of_an_array_counts() -> None:
    feature = Feature("x", "uint8", shape=(2, 2))
    fitted = fit_feature(feature, compute_moments(np.arange(8, dtype=np.uint8).reshape(2, 2, 2), feature))
    assert (fitted.count, fitted.mean, fitted.maximum) == (8, 3.5, 7.0)


@pytest.mark.parametrize("feature", [FLOAT, INTEGER, WORD])
def test_without_present_values_there_are_no_bounds(feature: Feature) -> None:
    fitted = fit_feature(feature, merge_moments([]))
    assert (fitted.count, fitted.mean, fitted.std) == (0, 0.0, 0.0)
    assert fitted.minimum is None
    assert fitted.maximum is None
    assert fitted.vocabulary == ()


def test_vocabulary_is_by_frequency_then_by_value() -> None:
    fitted = fit_feature(WORD, word_moments(["b", "é", "a", "c", "c", "", "é"]))
    assert fitted.vocabulary == ("c", "é", "a", "b")
    assert fitted.minimum is None


def test_an_empty_string_is_a_value_where_none_may_be_missing() -> None:
    feature = Feature("x", "string", max_length=2)
    fitted = fit_feature(feature, compute_moments(np.array([b"", b"a"], "S2"), feature))
    assert fitted.vocabulary == ("", "a")
    assert fitted.missing == 0


@given(st.lists(st.tuples(*[st.integers(0, 255)] * 3), min_size=1, max_size=60))
def test_counted_bytes_give_the_same_statistics(values: list[tuple[int, int, int]]) -> None:
    fitted, exact = fit_feature(BYTE, compute_moments(np.array(values, np.uint8), BYTE)), np.array(values, np.float64)
    assert fitted.count == exact.size
    assert fitted.mean == pytest.approx(exact.mean(), rel=1e-12)
    assert fitted.std == pytest.approx(exact.std(), rel=1e-9, abs=1e-9)
    assert (fitted.minimum, fitted.maximum) == (exact.min(), exact.max())


@given(st.lists(st.integers(-128, 127), min_size=1, max_size=60), st.integers(1, 20))
def test_signed_bytes_are_counted_in_their_order(values: list[int], counted: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statistics, "_COUNTED", counted)
        moments = compute_moments(np.array(values, np.int8), Feature("x", "int8"))
    assert (moments.count, moments.minimum, moments.maximum) == (len(values), min(values), max(values))
    assert moments.mean == pytest.approx(np.mean(values), abs=1e-12)
    assert moments.m2 == pytest.approx(np.var(values) * len(values), abs=1e-6)


def moments_of(values: Any, feature: Feature) -> Moments:
    """Moments of Python values, converted as `transform` does."""
    return compute_moments(to_column(pa.table({"x": values}), feature), feature)


SIZED_AND_UNSIZED = {
    "nullable string": (Feature("x", "string", max_length=9, nullable=True), Feature("x", "string", nullable=True)),
    "string": (Feature("x", "string", max_length=9), Feature("x", "string")),
    **{
        dtype: (Feature("x", dtype, nullable=True, missing=missing), Feature("x", dtype, optional=True))
        for dtype, missing in {
            "float16": None, "bfloat16": None, "float32": None, "float64": None, "int8": -9, "uint8": 99,
            "int64": -9, "uint64": 99,
        }.items()
    },
    "bool": (Feature("x", "bool"), Feature("x", "bool", optional=True)),
    "array": (Feature("x", "float32", shape=(2,), nullable=True), Feature("x", "float32", shape=(2,), optional=True)),
}  # fmt: skip
VALUES = {
    "nullable string": ["b", None, "a", "b"],
    "string": ["b", "", "a", "b"],
    "bool": [True, False, True],
    "array": [[1.0, 2.5], None, [3.0, 4.0]],
}


@pytest.mark.parametrize("kind", SIZED_AND_UNSIZED)
def test_features_without_a_fixed_size_have_the_same_statistics(kind: str) -> None:
    sized, unsized = SIZED_AND_UNSIZED[kind]
    values = VALUES.get(kind, [3, None, 1, 5, None])
    expected, got = fit_feature(sized, moments_of(values, sized)), fit_feature(sized, moments_of(values, unsized))
    assert got == expected
    assert expected.count


def test_every_element_of_a_list_counts() -> None:
    feature = Feature("x", "float32", ragged=True)
    fitted = fit_feature(feature, moments_of([[1.0], [], [2.0, 6.0, math.nan]], feature))
    assert (fitted.count, fitted.missing, fitted.mean, fitted.minimum, fitted.maximum) == (3, 1, 3.0, 1.0, 6.0)
    words = Feature("x", "string", ragged=True)
    assert fit_feature(words, moments_of([["b", "a"], [], ["a"]], words)).vocabulary == ("a", "b")


@pytest.mark.parametrize(
    ("feature", "missing"), [(Feature("x", "bytes", nullable=True), 2), (Feature("x", "bytes"), 0)]
)
def test_bytes_are_counted(feature: Feature, missing: int) -> None:
    values = [b"a", None, b""] if feature.nullable else [b"a", b"b", b""]
    fitted = fit_feature(feature, moments_of(values, feature))
    assert (fitted.count, fitted.missing) == (3 - missing, missing)
    assert fitted.minimum is fitted.maximum is None


@pytest.mark.parametrize("nullable", [True, False])
def test_free_text_is_counted_without_its_words(nullable: bool) -> None:
    feature = Feature("x", "string", nullable=nullable)
    texts = [*map(str, range(vocabulary.MOST_INSIDE + 5)), "", "", ""]
    moments = moments_of(pa.array(texts), feature)
    assert moments.occurrences is None
    assert (moments.count, moments.missing) == (len(texts) - 3 * nullable, 3 * nullable)


def test_long_texts_are_no_vocabulary() -> None:
    feature = Feature("x", "string")
    texts = [f"{number:06d}" * 1000 for number in range(800)]
    assert fit_feature(feature, moments_of(pa.array(texts), feature)).vocabulary == ()


@given(st.lists(st.integers(0, 9), max_size=30), st.lists(st.integers(0, 100), max_size=5))
def test_free_text_has_no_vocabulary_in_any_order_of_merges(values: list[int], cuts: list[int]) -> None:
    feature = Feature("x", "string")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vocabulary, "MOST_INSIDE", 4)
        parts = [moments_of(pa.array(map(str, part), pa.string()), feature) for part in cut(values, cuts)]
        fitted = fit_feature(feature, merge_moments(parts))
    assert fitted.count == len(values)
    assert len(fitted.vocabulary) == (len(set(values)) if len(set(values)) <= 4 else 0)
