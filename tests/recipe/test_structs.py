"""Columns of the fields of objects."""

import pandas as pd
import pyarrow as pa
import pytest

from firelib.recipe import flatten_structs

OBJECTS = [{"city": "Oslo", "at": {"x": 2**53 + 1, "ok": True}}, None, {"city": None, "at": None}]


def test_fields_of_objects_inside_objects_become_columns() -> None:
    frame = pd.DataFrame({"id": [7, 8, 9], "geo": OBJECTS}, index=[3, 1, 2])
    flat = flatten_structs(frame, "geo", "absent")
    assert flat.columns.tolist() == ["id", "geo_city", "geo_at_x", "geo_at_ok"]
    assert flat.index.tolist() == [3, 1, 2]
    assert flat["geo_city"].isna().tolist() == [False, True, True]
    assert flat["geo_at_x"].dropna().tolist() == [2**53 + 1]
    assert str(flat["geo_at_ok"].dtype) == "boolean"


def test_the_dtypes_do_not_depend_on_the_rows() -> None:
    """Dask joins the results of all partitions, of which some may lack an object in every row."""
    kind = pa.struct({"n": pa.int64(), "f": pa.float64(), "b": pa.bool_(), "s": pa.string()})
    full, empty = (
        pd.DataFrame({"o": pd.Series(values, dtype=pd.ArrowDtype(kind))})
        for values in ([{"n": 1, "f": 0.5, "b": True, "s": "a"}], [None])
    )
    assert flatten_structs(full, "o").dtypes.tolist() == flatten_structs(empty, "o").dtypes.tolist()


def test_a_column_without_objects_is_dropped() -> None:
    """A request whose only row has null there: nothing tells the fields."""
    assert flatten_structs(pd.DataFrame({"geo": [None], "x": [1]}), "geo").columns.tolist() == ["x"]


def test_other_values_than_objects_are_refused() -> None:
    with pytest.raises(TypeError, match=r"'geo'.*string"):
        flatten_structs(pd.DataFrame({"geo": [None, "Oslo"]}), "geo")


def test_two_columns_of_one_name_are_refused() -> None:
    for rows in (
        pd.DataFrame({"a": [{"b_c": 1, "b": {"c": 2}}]}),
        pd.DataFrame({"a": [{"b": 1}], "a_b": [2]}),
    ):
        with pytest.raises(ValueError, match="a_b"):
            flatten_structs(rows, "a")
