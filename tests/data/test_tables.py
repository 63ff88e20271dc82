from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from firelib.data.delta_tables import append_part, split_into_parts
from firelib.data.tables import read_table

TIME = datetime(2013, 1, 1, 5, tzinfo=UTC)
TABLE = pa.table(
    {
        "day": pa.array([1, 1, 2], pa.int64()),
        "whole": pa.array([1, 2, 2**60 + 1], pa.int64()),
        "holed": pa.array([1, 2**60 + 1, None], pa.int64()),
        "small": pa.array([None, 1, 2], pa.int8()),
        "flag": pa.array([True, None, False]),
        "share": pa.array([0.5, None, 1.0]),
        "word": pa.array(["a", None, "é"]),
        "time": pa.array([TIME, TIME, None], pa.timestamp("us", "UTC")),
    }
)


@pytest.fixture
def uri(tmp_path: Path) -> str:
    uri = str(tmp_path / "table")
    for part in split_into_parts(TABLE, ["day"]):
        append_part(uri, part)
    return uri


def test_a_version_is_read_whole(uri: str) -> None:
    first = read_table(uri, 0).compute(scheduler="sync")
    assert sorted(first["whole"]) == [1, 2]
    frame = read_table(uri, 1)
    assert frame.npartitions == 2
    rows = frame.compute(scheduler="sync").sort_values("whole")
    assert pa.Table.from_pandas(rows, schema=TABLE.schema, preserve_index=False).equals(TABLE)


def test_integers_stay_integers_beside_nulls(uri: str) -> None:
    """As floats, 2**60 + 1 would be another number."""
    kinds = read_table(uri, 1).dtypes
    assert kinds["whole"] == "int64"
    assert kinds["holed"] == pd.Int64Dtype()
    assert kinds["small"] == pd.Int8Dtype()
    assert kinds["flag"] == pd.BooleanDtype()
    assert kinds["share"] == "float64"


def test_nulls_count_for_the_version_that_is_read(uri: str) -> None:
    assert read_table(uri, 0).dtypes["holed"] == "int64"


def test_every_partition_has_the_types_of_the_whole(uri: str) -> None:
    frame = read_table(uri, 1)
    for part in frame.to_delayed():
        assert (part.compute(scheduler="sync").dtypes == frame.dtypes).all()
