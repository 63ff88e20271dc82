from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from dask.dataframe.dask_expr.io.io import FromMapProjectable

from firelib.data import table_partitions
from firelib.data.delta_tables import append_part
from firelib.data.parts.part import Part, split_into_parts
from firelib.data.tables import read_table
from tests.errors import refused

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
    for version, part in enumerate(split_into_parts(TABLE, ["day"])):
        append_part(uri, part, version)
    return uri


def test_a_version_is_read_whole(uri: str) -> None:
    first = read_table(uri, 0).compute(scheduler="sync")
    assert sorted(first["whole"]) == [1, 2]
    frame = read_table(uri, 1)
    rows = frame.compute(scheduler="sync").sort_values("whole")
    assert pa.Table.from_pandas(rows, schema=TABLE.schema, preserve_index=False).equals(TABLE)


@pytest.mark.parametrize("columns", [["word", "whole"], ["time"], []])
def test_dask_reads_the_columns_that_it_uses(uri: str, columns: list[str]) -> None:
    frame = read_table(uri, 1)
    selected = frame[columns].optimize(fuse=False)
    (source,) = selected.expr.find_operations(FromMapProjectable)
    assert sorted(source.columns) == sorted(columns), "the others are not read"
    expected = frame.compute(scheduler="sync")[columns]
    pd.testing.assert_frame_equal(selected.compute(scheduler="sync"), expected)


def test_the_rows_of_some_commits_are_read(uri: str) -> None:
    first, second = (part.sha256 for part in split_into_parts(TABLE, ["day"]))
    added = read_table(uri, 1, parts={second})
    assert added.compute(scheduler="sync")["whole"].tolist() == [2**60 + 1]
    assert added.dtypes["small"] == "int8"  # the rows with nulls are not read
    assert len(read_table(uri, 1, parts={first, second})) == TABLE.num_rows
    with refused(what="expected 2 data files", where=uri, remedy="firelib extract"):
        read_table(uri, 0, parts={first, second})


def test_integers_stay_integers_beside_nulls(uri: str) -> None:
    """As floats, 2**60 + 1 would be another number."""
    kinds = read_table(uri, 1).dtypes
    assert kinds["whole"] == "int64"
    assert kinds["holed"] == pd.Int64Dtype()
    assert kinds["small"] == pd.Int8Dtype()
    assert kinds["flag"] == pd.BooleanDtype()
    assert kinds["share"] == "float64"


def test_the_types_of_late_columns_are_those_of_early_ones(tmp_path: Path) -> None:
    """By default, Delta counts nulls in the first 32 columns only."""
    uri = str(tmp_path / "wide")
    append_part(uri, Part({}, pa.table({f"c{index}": [1, 2] for index in range(40)})), 0)
    assert set(map(str, read_table(uri, 0).dtypes)) == {"int64"}


def test_nulls_count_for_the_version_that_is_read(uri: str) -> None:
    assert read_table(uri, 0).dtypes["holed"] == "int64"


def test_every_partition_has_the_types_of_the_whole(uri: str) -> None:
    frame = read_table(uri, 1, partition_bytes=100)
    assert frame.npartitions == 2
    for part in frame.to_delayed():
        assert (part.compute(scheduler="sync").dtypes == frame.dtypes).all()


def test_partitions_follow_the_bytes_and_not_the_commits(tmp_path: Path) -> None:
    """Twelve commits of 8,000 bytes in memory: small files are read together, in the order of their commits."""
    uri = str(tmp_path / "table")
    rows = pa.table({"day": np.repeat(np.arange(12), 500), "number": np.arange(6000)})
    for version, part in enumerate(split_into_parts(rows, ["day"])):
        append_part(uri, part, version)
    for partition_bytes, sizes in [(10**6, [6000]), (24_000, [1500] * 4), (20_000, [1000] * 6), (1, [500] * 12)]:
        parts = [part.compute(scheduler="sync") for part in read_table(uri, 11, partition_bytes).to_delayed()]
        assert [len(part) for part in parts] == sizes
        assert np.concatenate([part["number"] for part in parts]).tolist() == list(range(6000))


def test_a_large_file_is_divided_at_its_row_groups(tmp_path: Path) -> None:
    uri, rows = str(tmp_path / "table"), 3_000_000
    append_part(uri, Part({}, pa.table({"number": np.arange(rows)})), 0)
    parts = [part.compute(scheduler="sync") for part in read_table(uri, 0, partition_bytes=10 * 2**20).to_delayed()]
    assert len(parts) == 3
    assert max(part.memory_usage(index=False).sum() for part in parts) <= 10 * 2**20
    assert np.concatenate([part["number"] for part in parts]).tolist() == list(range(rows))


def test_a_large_row_group_is_read_in_slices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_partitions, "_LARGE_GROUP", 1 << 20)
    uri, rows = str(tmp_path / "table"), 1_000_000  # 16 MB in one row group, or two
    append_part(uri, Part({}, pa.table({"number": np.arange(rows), "word": pa.array(["a", None] * (rows // 2))})), 0)
    frame = read_table(uri, 0, partition_bytes=2**20)
    parts = [part.compute(scheduler="sync") for part in frame.to_delayed()]
    assert len(parts) >= 16
    assert max(map(len, parts)) <= rows // 16
    assert all((part.dtypes == frame.dtypes).all() for part in parts)
    assert np.concatenate([part["number"] for part in parts]).tolist() == list(range(rows))
    assert sum(part["word"].notna().sum() for part in parts) == rows // 2
