"""Arrow values to columns: exact, or refused with the feature's name."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given

from firelib.errors import FirelibError
from firelib.recipe import Feature
from firelib.tfrecord.columns import to_column, to_columns
from tests.tfrecord.samples import assert_equal, datasets, table


@given(datasets())
def test_arrow_and_back(dataset: tuple) -> None:
    declared, columns = dataset
    assert_equal(to_columns(table(columns), declared), columns)


def _column(values: pa.Array, feature: Feature) -> np.ndarray:
    return to_column(pa.table({feature.name: values}), feature)


def test_missing_values_get_their_stand_ins() -> None:
    assert np.isnan(_column(pa.array([None, 1.0]), Feature("x", "float32", nullable=True))[0])
    assert _column(pa.array([None, 1]), Feature("x", "int8", nullable=True, missing=-1)).tolist() == [-1, 1]
    assert _column(pa.array([None, "a"]), Feature("x", "string", max_length=2, nullable=True)).tolist() == [b"", b"a"]


@pytest.mark.parametrize(
    ("values", "feature", "message"),
    [
        (pa.array([1, None]), Feature("x", "int8"), "1 values are missing"),
        (pa.array([300]), Feature("x", "uint8"), "should be uint8"),
        (pa.array(["many"]), Feature("x", "int8"), "should be int8"),
        (pa.array([5]), Feature("x", "int8", range=(0, 4)), "5 is outside"),
        (pa.array([5.0]), Feature("x", "float32", range=(0, 4)), "5.0 is outside"),
        (pa.array([[1, 5]]), Feature("x", "int8", shape=(2,), range=(0, 4)), "5 is outside"),
        (pa.array(["abc"]), Feature("x", "string", max_length=2), "3 bytes, more than 2"),
        (pa.array(["a\0"]), Feature("x", "string", max_length=2), "ends with NUL"),
        (pa.array([[1, 2, 3], [1]]), Feature("x", "int8", shape=(2,)), "an array has 3 values, not 2"),
        (pa.array([[1, None]]), Feature("x", "int8", shape=(2,)), "missing inside"),
        (pa.array([[1, 2], None]), Feature("x", "int8", shape=(2,)), "1 values are missing"),
    ],
)
def test_a_wrong_value_is_refused(values: pa.Array, feature: Feature, message: str) -> None:
    with pytest.raises(FirelibError, match=message) as error:
        _column(values, feature)
    assert "'x'" in str(error.value)


def test_nan_is_inside_every_range() -> None:
    assert np.isnan(_column(pa.array([float("nan")]), Feature("x", "float32", range=(0, 4), nullable=True))[0])


def test_a_missing_array_is_all_stand_ins() -> None:
    floats = Feature("x", "float32", shape=(2,), nullable=True)
    assert np.isnan(_column(pa.array([None, [1.0, 2.0]]), floats)[0]).all()
    integers = Feature("x", "int16", shape=(2,), nullable=True, missing=-1)
    assert _column(pa.array([[3, None], None]), integers).tolist() == [[3, -1], [-1, -1]]


def test_nested_and_fixed_size_lists_are_arrays() -> None:
    feature = Feature("x", "uint8", shape=(2, 2))
    expected = [[[1, 2], [3, 4]]]
    assert _column(pa.array([[[1, 2], [3, 4]]]), feature).tolist() == expected
    assert _column(pa.array([[1, 2, 3, 4]], pa.list_(pa.uint8(), 4)), feature).tolist() == expected


def test_a_slice_of_a_table_is_read_from_its_offset() -> None:
    rows = pa.table({"x": [[1, 2], [3, 4], [5, 6]]}).slice(1, 1)
    assert to_column(rows, Feature("x", "int8", shape=(2,))).tolist() == [[3, 4]]


def test_the_nearest_column_is_suggested() -> None:
    with pytest.raises(FirelibError, match="did you mean 'distance'"):
        to_column(pa.table({"distance": [1]}), Feature("distanse", "int8"))
