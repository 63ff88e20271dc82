import decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from firelib.data.frames import conversion
from firelib.data.frames.conversion import to_dask
from tests.errors import refused

TABLE = pa.table(
    {
        "id": [1, None, 3],
        "word": pa.array(["a", "b", None]).dictionary_encode(),
        "price": pa.array([decimal.Decimal("1.10"), None, decimal.Decimal("2.50")]),
        "list": [[1, 2], [], [3]],
    }
)


class Stream:
    """An object of another library that offers Arrow's C stream interface, as dataframes of Polars and DuckDB do."""

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return TABLE.__arrow_c_stream__(requested_schema)


def test_a_dask_dataframe_stays_as_it_is() -> None:
    import dask.dataframe as dd

    frame = dd.from_pandas(pd.DataFrame({"x": [1]}), npartitions=1)
    assert to_dask(frame, "transform") is frame


def test_pandas_keeps_its_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversion, "_PARTITION_BYTES", 16)
    images = pd.Series([np.full((2, 2), number) for number in range(5)], list("abcde"), dtype=object)
    frame = pd.DataFrame({"x": range(5), "image": images}, index=images.index)
    result = to_dask(frame, "transform")
    assert result.npartitions > 1
    assert [image.shape for image in result.compute()["image"]] == [(2, 2)] * 5
    assert result.compute()["x"].tolist() == [0, 1, 2, 3, 4]


def test_an_empty_table_has_one_partition() -> None:
    assert to_dask(pd.DataFrame({"x": []}), "transform").npartitions == 1


@pytest.mark.parametrize("table", [TABLE, Stream(), TABLE.to_reader()], ids=["table", "stream", "reader"])
def test_arrow_arrives_as_a_table_of_the_lake(table: Any) -> None:
    frame = to_dask(table, "transform").compute()
    assert str(frame["id"].dtype) == "Int64"
    assert frame["word"].tolist()[:2] == ["a", "b"]
    assert frame["price"].iloc[2] == decimal.Decimal("2.50")
    assert [list(value) for value in frame["list"]] == [[1, 2], [], [3]]


def test_polars() -> None:
    polars = pytest.importorskip("polars")
    table = polars.DataFrame({"id": [1, None], "word": ["a", None]})
    for each in (table, table.lazy()):
        frame = to_dask(each, "transform").compute()
        assert str(frame["id"].dtype) == "Int64"
        assert frame["word"].iloc[0] == "a"


@pytest.mark.parametrize(
    ("table", "kind", "remedy"),
    [(None, "NoneType", "return"), (pd.Series([1]), "Series", "assign"), ([1], "list", "dataframe")],
)
def test_no_table(table: Any, kind: str, remedy: str) -> None:
    with refused(what=["transform", kind], where="here", remedy=remedy):
        to_dask(table, "here")
