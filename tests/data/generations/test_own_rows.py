"""Which rows belong to a generation."""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from firelib.data.frames.pandas_frames import to_pandas
from firelib.data.generations.own_rows import list_own_commits, select_own
from firelib.data.lake import Commit
from firelib.data.parts.part import split_into_parts
from tests.errors import refused

DAYS = [date(2013, 1, day) for day in (1, 1, 2, 3)]
TABLES: dict[str, tuple[str, ...]] = {
    "one": ("number",),
    "two": ("number", "text"),
    "date": ("day",),
    "float": ("share",),
    "flag": ("flag",),
}
TABLE = pa.table(
    {
        "number": pa.array([1, 1, 2, 3], pa.int16()),
        "text": ["a", "b", "a", "a"],
        "day": DAYS,
        "share": [0.5, 0.5, 1.0, 2.0],
        "flag": [True, True, False, False],
    }
)


def commits_of(columns: tuple[str, ...]) -> list[Commit]:
    parts = split_into_parts(TABLE, columns)
    return [Commit(version=index, rows=1, group=part.group, sha256="") for index, part in enumerate(parts)]


@pytest.mark.parametrize("columns", TABLES.values(), ids=TABLES.keys())
def test_each_row_belongs_to_its_commit(columns: tuple[str, ...]) -> None:
    """Also after the table has been read by Dask, with the dtypes that `transform` gets."""
    rows, commits = to_pandas(TABLE, frozenset()), commits_of(columns)
    owners = np.array([list_own_commits(columns, [commit]).find(rows) for commit in commits])
    assert (owners.sum(axis=0) == 1).all()
    assert select_own(rows, list_own_commits(columns, commits))[1] is False


def select(rows: pd.DataFrame, earlier: int = 0) -> tuple[list[Any], bool]:
    """The numbers of the rows of the second of three commits, which are read together with some earlier ones."""
    commits = commits_of(("number",))
    selected, strays = select_own(rows, list_own_commits(("number",), commits[1:2], commits[1 - earlier : 1]))
    return selected["number"].tolist() if "number" in selected else [], strays


def test_rows_of_a_window_are_left_out() -> None:
    assert select(pd.DataFrame({"number": [1, 2, 1, 2]}), earlier=1) == ([2, 2], False)
    assert select(pd.DataFrame({"number": [1, 2]})) == ([1, 2], True)


@pytest.mark.parametrize("values", [[1, None], [1, 7], [1.0, 2.0], ["1", "2"]])
def test_rows_with_other_values_are_strays(values: list[Any]) -> None:
    rows = pd.DataFrame({"number": values})
    assert select(rows)[1]
    with refused(what="number", where="Recipe.window", remedy="commit_by"):
        select(rows, earlier=1)


def test_rows_without_the_columns_are_strays() -> None:
    assert select(pd.DataFrame({"other": [1]}))[1]


def test_no_rows_are_no_strays() -> None:
    assert select(pd.DataFrame({"number": pd.Series([], dtype="int64")})) == ([], False)
    assert select_own(pd.DataFrame({"x": [1]}), None)[1] is False
