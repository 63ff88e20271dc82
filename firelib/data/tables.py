"""Read lake tables at a pinned version as Dask dataframes. A column of integers with nulls keeps an integer dtype."""

from functools import partial

import dask.dataframe as dd
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable

from firelib import storage
from firelib.errors import FirelibError

# Dask takes Python objects for strings.
_BYTES = {kind: pd.ArrowDtype(kind) for kind in (pa.binary(), pa.large_binary())}
_NULLABLE = {
    pa.int8(): pd.Int8Dtype(),
    pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
    **_BYTES,
}


def read_table(uri: str, version: int) -> dd.DataFrame:
    """A version of a Delta table, with one partition for each data file.

    Args:
        uri: The Delta table.
        version: The version to read.

    Returns:
        Integer and boolean columns have NumPy dtypes where the version has no nulls in them, else pandas' nullable
        dtypes.

    Raises:
        FirelibError: The version has no rows.
    """
    table = DeltaTable(uri, version=version)
    files = sorted(table.file_uris())
    if not files:
        raise FirelibError(
            "the table has no rows", where=f"{uri}, version {version}", remedy="set data.version to another version"
        )
    read = partial(read_file, nullable=frozenset(_columns_with_nulls(table)))
    return dd.from_map(read, files, meta=read(files[0]).iloc[:0])


def read_file(uri: str, nullable: frozenset[str]) -> pd.DataFrame:
    """One Parquet file as a frame.

    Args:
        uri: The file.
        nullable: Columns that get pandas' nullable dtypes; columns of bytes keep Arrow's dtypes.
    """
    fs, path = storage.filesystem(uri)
    table = pq.read_table(path, filesystem=fs, partitioning=None)
    plain = table.select([name for name in table.column_names if name not in nullable]).to_pandas(
        types_mapper=_BYTES.get
    )
    with_nulls = table.select([name for name in table.column_names if name in nullable]).to_pandas(
        types_mapper=_NULLABLE.get
    )
    frame: pd.DataFrame = pd.concat([plain, with_nulls], axis=1)[table.column_names]
    return frame


def _columns_with_nulls(table: DeltaTable) -> set[str]:
    """Columns with a null in this version, or without a null count in Delta's statistics."""
    actions = pa.table(table.get_add_actions(flatten=True))
    known = {field.name for field in table.schema().fields if f"null_count.{field.name}" in actions.column_names}
    nulls = {name for name in known if any(count != 0 for count in actions[f"null_count.{name}"].to_pylist())}
    return nulls | ({field.name for field in table.schema().fields} - known)
