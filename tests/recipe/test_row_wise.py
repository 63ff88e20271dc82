from typing import Any

import pandas as pd
import pytest

from firelib import rows
from firelib.recipe import takes_rows
from tests.errors import refused

FRAME = pd.DataFrame({"when": ["2024-05-01", "2024-05-02", "2024-06-01"], "x": [1, 2, 3]})


@rows
def add_month(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(month=[int(text.split("-")[1]) for text in rows["when"]])  # fails with invented text


class Mine:
    offset = 10

    @rows
    def transform(self, rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(y=rows["x"] + self.offset)


def to_dask(frame: pd.DataFrame = FRAME, npartitions: int = 2) -> Any:
    import dask.dataframe as dd

    return dd.from_pandas(frame, npartitions=npartitions)


def test_a_function_gets_real_rows_instead_of_invented_ones() -> None:
    result = add_month(to_dask())
    assert list(result.columns) == ["when", "x", "month"]
    assert result.compute()["month"].tolist() == [5, 5, 6]


def test_pandas_in_pandas_out() -> None:
    assert add_month(FRAME)["month"].tolist() == [5, 5, 6]


def test_a_method_gets_the_only_table_of_a_recipe() -> None:
    result = Mine().transform({"rows": to_dask()})
    assert result.compute()["y"].tolist() == [11, 12, 13]


def test_a_table_without_rows_in_its_first_partition() -> None:
    frame = to_dask()
    assert add_month(frame[frame["x"] > 2]).compute()["month"].tolist() == [6]


def test_arrays_stay_arrays() -> None:
    import numpy as np

    @rows
    def add_image(rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(image=pd.Series([np.ones((2, 2))] * len(rows), rows.index, dtype=object))

    assert add_image(to_dask()).compute()["image"].iloc[0].shape == (2, 2)


def test_several_tables_are_refused() -> None:
    with refused(what=["transform", 2, "a", "b"], remedy="join"):
        Mine().transform({"a": to_dask(), "b": to_dask()})


def test_a_column_is_no_table() -> None:
    @rows
    def only_one(rows: pd.DataFrame) -> Any:
        return rows["x"]

    with refused(what=["only_one", "Series"], remedy="assign"):
        only_one(to_dask())


@pytest.mark.parametrize(("function", "expected"), [(add_month, True), (Mine().transform, True), (to_dask, False)])
def test_the_mark_can_be_read(function: Any, expected: bool) -> None:
    assert takes_rows(function) is expected
