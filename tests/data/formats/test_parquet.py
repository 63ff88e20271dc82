from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from firelib.data.formats.parquet import read_parquet
from firelib.recipe import Source
from tests.errors import refused

NEAR = [datetime(2013, 1, 1, 5, 0, 0, 1), None]
FAR = [datetime(9999, 12, 31), None]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rows.parquet"


def write(path: Path, times: list[datetime | None], int96: bool) -> None:
    table = pa.table({"x": [1, 2], "time": pa.array(times, pa.timestamp("us"))})
    pq.write_table(table, path, use_deprecated_int96_timestamps=int96)


def test_times(path: Path) -> None:
    write(path, FAR, int96=False)
    assert read_parquet(path, Source("rows.parquet"))["time"].to_pylist() == FAR
    write(path, NEAR, int96=True)
    times = read_parquet(path, Source("rows.parquet"))["time"].cast(pa.timestamp("us"))
    assert times.to_pylist() == NEAR


def test_int96_times_that_would_wrap_around(path: Path) -> None:
    write(path, FAR, int96=True)
    with refused(what="time", where=path, remedy="TIMESTAMP_MICROS"):
        read_parquet(path, Source("rows.parquet"))
