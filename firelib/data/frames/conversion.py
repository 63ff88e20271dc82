"""Convert what a recipe's `transform` returns to a Dask dataframe: pandas, Polars, Arrow."""

from typing import Any

import dask
import dask.dataframe as dd
import pandas as pd
import pyarrow as pa

from firelib.data.frames.pandas_frames import to_pandas
from firelib.errors import FirelibError

_PARTITION_BYTES = 64 << 20


def to_dask(table: Any, where: str) -> Any:
    """A Dask dataframe with the rows of any table.

    Args:
        table: A dataframe of Dask, pandas or Polars; a lazy frame of Polars; a table or a stream of Arrow, or another
            object with Arrow's C stream interface.
        where: What to call it in errors.

    Returns:
        The Dask dataframe. A table in memory is divided by its size alone, so that the same rows give the same tasks.

    Raises:
        FirelibError: It is no table.
    """
    if isinstance(table, dd.DataFrame):
        return table
    frame = _to_pandas(table, where).reset_index(drop=True)
    size = int(frame.memory_usage(index=False).sum())
    rows = max(1, -(-len(frame) // max(1, -(-size // _PARTITION_BYTES))))
    parts = [frame.iloc[start : start + rows] for start in range(0, max(1, len(frame)), rows)]
    with dask.config.set({"dataframe.convert-string": False}):  # it would convert arrays and lists to text, too
        return dd.from_map(_same, parts, meta=frame.iloc[:0])


def _same(frame: pd.DataFrame) -> pd.DataFrame:
    return frame


def _to_pandas(table: Any, where: str) -> pd.DataFrame:
    if isinstance(table, pd.DataFrame):
        return table
    if type(table).__module__.startswith("polars") and hasattr(table, "collect"):
        table = table.collect()
    if not hasattr(table, "__arrow_c_stream__") or isinstance(table, pd.Series):
        raise _no_table(table, where)
    try:
        return _arrow_to_pandas(pa.table(table))
    except pa.ArrowInvalid:  # a column of another library offers the interface, too
        raise _no_table(table, where) from None


def _no_table(table: Any, where: str) -> FirelibError:
    kind = type(table).__name__
    remedy = "return a dataframe of Dask, pandas or Polars, or a table of Arrow"
    if isinstance(table, pd.Series | dd.Series):
        remedy = "return a table with all columns, not one of its columns: rows.assign(column=…)"
    elif table is None:
        remedy = "return the table: the function ends without a return statement"
    return FirelibError(f"expected a table from transform, got {kind}", where=where, remedy=remedy)


def _arrow_to_pandas(table: pa.Table) -> pd.DataFrame:
    """A table as tables of the lake arrive in `transform`: nullable integers, exact decimals and dates."""
    table = table.cast(pa.schema([field.with_type(_plain(field.type)) for field in table.schema]))
    return to_pandas(table, {name for name in table.column_names if table[name].null_count})


def _plain(kind: pa.DataType) -> pa.DataType:
    """The type of the values of categories, and the usual type of text and bytes."""
    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    if pa.types.is_string_view(kind):
        return pa.large_string()
    return pa.large_binary() if pa.types.is_binary_view(kind) else kind
