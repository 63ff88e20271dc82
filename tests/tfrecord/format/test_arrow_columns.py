"""Arrow values are converted exactly, or refused with the feature's name."""

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firelib.recipe import Feature
from firelib.tfrecord.format import arrow_columns
from firelib.tfrecord.format.arrow_columns import cast_column, to_column, to_columns
from tests.errors import refused
from tests.tfrecord.samples import assert_equal, datasets, table


@given(datasets())
def test_arrow_and_back(dataset: tuple) -> None:
    declared, columns = dataset
    assert_equal(to_columns(table(columns), declared), columns)


def _column(values: pa.Array, feature: Feature) -> np.ndarray:
    return to_column(pa.table({feature.name: values}), feature)


def test_missing_values_are_filled() -> None:
    assert np.isnan(_column(pa.array([None, 1.0]), Feature("x", "float32", nullable=True))[0])
    assert _column(pa.array([None, 1]), Feature("x", "int8", nullable=True, missing=-1)).tolist() == [-1, 1]
    assert _column(pa.array([None, "a"]), Feature("x", "string", max_length=2, nullable=True)).tolist() == [b"", b"a"]


@pytest.mark.parametrize(
    ("values", "feature", "named"),
    [
        (pa.array([1, None]), Feature("x", "int8"), [1, "missing", "x"]),
        (pa.array([300]), Feature("x", "uint8"), ["x", "uint8", "int64", 300]),
        (pa.array(["many"]), Feature("x", "int8"), ["x", "int8", "string", "many"]),
        (pa.array([1, 2]), Feature("x", "bool"), ["x", "bool", "int64", 2]),
        (pa.array([0.5, 1]), Feature("x", "bool"), ["x", "bool", 0.5]),
        (pa.array([float("nan")]), Feature("x", "bool"), ["x", "bool", "nan"]),
        (pa.array([[0, 1], [0, -1]]), Feature("x", "bool", shape=(2,)), ["x", "bool", -1]),
        (pa.array([[0], [0, 7]]), Feature("x", "bool", ragged=True), ["x", "bool", 7]),
        (pa.array([5]), Feature("x", "int8", range=(0, 4)), [5, "(0, 4)"]),
        (pa.array([5.0]), Feature("x", "float32", range=(0, 4)), [5.0, "(0, 4)"]),
        (pa.array([[1, 5]]), Feature("x", "int8", shape=(2,), range=(0, 4)), [5, "(0, 4)"]),
        (pa.array(["abc"]), Feature("x", "string", max_length=2), ["3 bytes", 2]),
        (pa.array(["a\0"]), Feature("x", "string", max_length=2), ["NUL"]),
        (pa.array([[1, 2, 3], [1]]), Feature("x", "int8", shape=(2,)), ["3 values", 2]),
        (pa.array([[1, None]]), Feature("x", "int8", shape=(2,)), [1, "missing", "arrays"]),
        (pa.array([[1, 2], None]), Feature("x", "int8", shape=(2,)), [1, "missing", "x"]),
    ],
)
def test_an_invalid_value_is_refused(values: pa.Array, feature: Feature, named: list[str | float]) -> None:
    with refused(what=named, where="x"):
        _column(values, feature)


def test_nan_is_inside_every_range() -> None:
    assert np.isnan(_column(pa.array([float("nan")]), Feature("x", "float32", range=(0, 4), nullable=True))[0])


def test_a_missing_array_is_filled() -> None:
    floats = Feature("x", "float32", shape=(2,), nullable=True)
    assert np.isnan(_column(pa.array([None, [1.0, 2.0]]), floats)[0]).all()
    integers = Feature("x", "int16", shape=(2,), nullable=True, missing=-1)
    assert _column(pa.array([[3, None], None]), integers).tolist() == [[3, -1], [-1, -1]]


def test_nested_and_fixed_size_lists_become_arrays() -> None:
    feature = Feature("x", "uint8", shape=(2, 2))
    expected = [[[1, 2], [3, 4]]]
    assert _column(pa.array([[[1, 2], [3, 4]]]), feature).tolist() == expected
    assert _column(pa.array([[1, 2, 3, 4]], pa.list_(pa.uint8(), 4)), feature).tolist() == expected


def test_a_slice_of_a_table_is_converted_from_its_offset() -> None:
    rows = pa.table({"x": [[1, 2], [3, 4], [5, 6]]}).slice(1, 1)
    assert to_column(rows, Feature("x", "int8", shape=(2,))).tolist() == [[3, 4]]


def test_the_nearest_column_is_suggested() -> None:
    with refused(what="distanse", remedy="distance"):
        to_column(pa.table({"distance": [1]}), Feature("distanse", "int8"))


@pytest.mark.parametrize("kind", [pa.decimal128(5, 2), pa.decimal256(5, 2)])
def test_decimals_become_the_nearest_float(kind):
    values = [None, *(Decimal(f"{index}.{index:02d}") for index in range(100))]
    table = pa.table({"x": pa.array(values, kind)})
    cast = cast_column(table, Feature("x", "float64")).to_pylist()
    assert cast == [None, *map(float, values[1:])]


@pytest.mark.parametrize(
    ("column", "feature", "found"),
    [
        (pa.array([0], pa.timestamp("us")), Feature("x", "int64"), "unit"),
        (pa.array([0], pa.duration("ns")), Feature("x", "int64"), "unit"),
        (pa.array([0], pa.date32()), Feature("x", "int32"), "unit"),
        (pa.array([[0]], pa.list_(pa.timestamp("us"))), Feature("x", "int64", ragged=True), "unit"),
        (pa.array([0, None, 2]), Feature("x", "bool", optional=True), 2),
        (pa.array([0.5]), Feature("x", "bool"), 0.5),
        (pa.array([[0, 1], [2, 0]]), Feature("x", "bool", shape=(2,)), 2),
    ],
)
def test_a_cast_that_changes_the_meaning_is_refused(column, feature, found):
    with refused(what=["'x'", found], where="'x'", remedy="transform"):
        cast_column(pa.table({"x": column}), feature)


def test_numbers_0_and_1_are_booleans():
    table = pa.table({"x": [1.0, None, 0.0]})
    assert cast_column(table, Feature("x", "bool")).to_pylist() == [True, None, False]


NESTED = pa.list_(pa.list_(pa.int16(), 2), 1)


@pytest.mark.parametrize(
    ("column", "feature", "expected"),
    [
        (pa.array([None, [1, 2]], pa.list_(pa.uint8(), 2)), {"shape": (2,)}, [None, [1, 2]]),
        (pa.array([None, [1, 2]], pa.list_(pa.uint8(), 2)), {"ragged": True}, [None, [1, 2]]),
        (pa.array([None, [[1, 2]], None, [[3, 4]]], NESTED), {"shape": (1, 2)}, [None, [1, 2], None, [3, 4]]),
        (pa.array([[[None, 9]], None, [[1, 2]]], NESTED)[1:], {"shape": (1, 2)}, [None, [1, 2]]),
        (pa.ListArray.from_arrays([0, 2, 3], [7, 8, 9], mask=pa.array([True, False])), {"ragged": True}, [None, [9]]),
    ],
    ids=str,
)
def test_values_behind_a_missing_list_do_not_count(column, feature, expected):
    cast = cast_column(pa.table({"x": column}), Feature("x", "int64", optional=True, **feature)).combine_chunks()
    assert cast.to_pylist() == expected
    assert len(pc.list_parent_indices(cast)) == len(pc.list_flatten(cast)) == sum(map(len, filter(None, expected)))


_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=3)


@given(st.lists(st.none() | _TEXT, max_size=20), st.integers(0, 20))
def test_strings_are_padded_whatever_their_letters_and_chunks(values: list[str | None], cut: int) -> None:
    feature = Feature("x", "string", max_length=12, nullable=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrow_columns, "_PADDED_BYTES", 5 * 12)
        padded = _column(pa.chunked_array([values[:cut], values[cut:]], pa.string()), feature)
    assert padded.dtype == "S12"
    assert padded.tolist() == [(value or "").encode() for value in values]
