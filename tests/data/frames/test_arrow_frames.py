from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from firelib.data.frames.arrow_frames import to_frame, to_table

DAYS = [date(2013, 5, 1), None, date(2013, 5, 3)]
COLUMNS: dict[str, Any] = {
    "whole": [2**60 + 1, 2, 3],
    "small": np.array([1, 2, 3], np.int8),
    "half": np.array([1.5, np.nan, -0.0], np.float16),
    "share": [0.1, np.nan, np.inf],
    "flag": [True, False, True],
    "holed": pd.array([2**60 + 1, None, 3], "Int64"),
    "maybe": pd.array([True, None, False], "boolean"),
    "word": pd.array(["é", None, ""], "str"),
    "python word": pd.array(["é", None, ""], pd.StringDtype("python")),
    "time": pd.to_datetime(["2013-01-01 00:00:00.000", None, "2013-01-03 04:05:06.789"]),
    "zoned": pd.to_datetime(["2013-01-01", None, "2013-07-03"]).tz_localize("Europe/Berlin"),
    "duration": pd.to_timedelta(["1 day", None, "2 s"]),
    "day": pd.array(DAYS, pd.ArrowDtype(pa.date32())),
    "list": pd.array([[1], [], None], pd.ArrowDtype(pa.list_(pa.int64()))),
    "bytes": pd.array([b"a", None, b""], pd.ArrowDtype(pa.large_binary())),
    "category": pd.Categorical(["b", None, "a"], categories=["b", "a", "unused"]),
    "period": pd.period_range("2013-01", periods=3, freq="M"),
    "object": [{"a": 1}, (1, 2), None],
    "complex": np.array([1j, 2, 3]),
    "sparse": pd.arrays.SparseArray([0, 0, 1]),
    7: [1, 2, 3],
    ("a", 1): [1, 2, 3],
}


@pytest.mark.parametrize("name", COLUMNS, ids=str)
def test_a_column_comes_back_as_it_was(name: Any) -> None:
    frame = pd.DataFrame({"column": COLUMNS[name]}).set_axis(pd.Index([name], tupleize_cols=False), axis=1)
    pd.testing.assert_frame_equal(to_frame(*to_table(frame)), frame)
    pd.testing.assert_frame_equal(to_frame(*to_table(frame.iloc[:0])), frame.iloc[:0])


def test_arrays_come_back_as_arrays() -> None:
    frame = pd.DataFrame({"array": pd.Series([np.arange(2), np.arange(2)], dtype=object)})
    back = to_frame(*to_table(frame))
    assert [value.tolist() for value in back["array"]] == [[0, 1], [0, 1]]


@pytest.mark.parametrize(
    "index",
    [
        pd.RangeIndex(3),
        pd.Index(["x", "y", "x"], name="key"),
        pd.MultiIndex.from_arrays([[1, 2, 3], ["a", "b", "c"]], names=["number", None]),
        pd.DatetimeIndex(["2013-01-01", "2013-01-02", "2013-01-03"], name="time"),
    ],
)
def test_the_index_and_repeated_names_come_back(index: pd.Index) -> None:
    frame = pd.DataFrame([[1, 2.5], [3, 4.5], [5, 6.5]], index, ["twice", "twice"])
    pd.testing.assert_frame_equal(to_frame(*to_table(frame)), frame, check_index_type="equiv", check_freq=False)


def test_names_with_two_levels_come_back() -> None:
    names = pd.MultiIndex.from_tuples([("a", "sum"), ("a", "count")], names=["column", None])
    frame = pd.DataFrame([[1, 2]], columns=names)
    pd.testing.assert_frame_equal(to_frame(*to_table(frame)), frame, check_index_type="equiv")


def test_frames_with_categories_in_another_order_are_read_differently() -> None:
    ab, ba = (pd.DataFrame({"x": pd.Categorical(["a"], categories=[*order])}) for order in ("ab", "ba"))
    kinds = [to_table(frame)[1] for frame in (ab, ba, ab.iloc[:0])]
    assert ab["x"].dtype == ba["x"].dtype
    assert kinds[0] != kinds[1]
    assert kinds[0] == kinds[2]
    assert kinds[0] != "another object"
