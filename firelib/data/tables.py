"""Read lake tables at a pinned version as Dask dataframes."""

from collections.abc import Mapping
from functools import partial

import dask.dataframe as dd
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable

from firelib import storage
from firelib.data.formats.lake_types import ZONE
from firelib.data.frames.pandas_frames import to_pandas
from firelib.errors import FirelibError


def read_table(uri: str, version: int) -> dd.DataFrame:
    """A version of a Delta table, with one partition for each data file.

    Args:
        uri: The Delta table.
        version: The version to read.

    Returns:
        Integer and boolean columns have NumPy dtypes where the version has no nulls in them, else pandas' nullable
        dtypes. `docs/sources.md` lists the dtypes of all types.

    Raises:
        FirelibError: The version has no rows.
    """
    table = DeltaTable(uri, version=version)
    files = sorted(table.file_uris())
    if not files:
        raise FirelibError(
            "the table has no rows", where=f"{uri}, version {version}", remedy="set data.version to another version"
        )
    read = partial(read_file, nullable=frozenset(_columns_with_nulls(table)), zones=_time_zones(table))
    return dd.from_map(read, files, meta=read(files[0]).iloc[:0])


def read_file(uri: str, nullable: frozenset[str], zones: Mapping[str, str]) -> pd.DataFrame:
    """One Parquet file as a frame.

    Args:
        uri: The file.
        nullable: Columns that get pandas' nullable dtypes.
        zones: Column → time zone, where that is not UTC.
    """
    fs, path = storage.filesystem(uri)
    return to_pandas(pq.read_table(path, filesystem=fs, partitioning=None), nullable, zones)


def _time_zones(table: DeltaTable) -> dict[str, str]:
    zones = {field.name: field.metadata.get(ZONE.decode()) for field in table.schema().fields}
    return {name: str(zone) for name, zone in zones.items() if zone}


def _columns_with_nulls(table: DeltaTable) -> set[str]:
    """Columns with a null in this version, or without a null count in Delta's statistics."""
    actions = pa.table(table.get_add_actions(flatten=True))
    known = {field.name for field in table.schema().fields if f"null_count.{field.name}" in actions.column_names}
    nulls = {name for name in known if any(count != 0 for count in actions[f"null_count.{name}"].to_pylist())}
    return nulls | ({field.name for field in table.schema().fields} - known)
