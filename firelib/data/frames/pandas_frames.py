"""Arrow tables as the pandas dataframes that a recipe's `transform` gets.

A column of integers with nulls keeps an integer dtype. Decimals, dates, bytes, lists, maps and structs have Arrow's
dtypes: NumPy has none for them, and Dask takes Python objects for strings.
"""

from collections.abc import Mapping, Set
from types import MappingProxyType

import pandas as pd
import pyarrow as pa

from firelib.data.formats.lake_types import ZONE

#: Type of Arrow → the dtype of pandas that holds its missing values.
NULLABLE_DTYPES = {
    pa.int8(): pd.Int8Dtype(),
    pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
}


def to_pandas(table: pa.Table, nullable: Set[str], zones: Mapping[str, str] = MappingProxyType({})) -> pd.DataFrame:
    """A table as the frame that `transform` gets.

    Args:
        table: The rows, in types of the lake.
        nullable: Columns that get pandas' nullable dtypes.
        zones: Column → time zone, where that is not UTC.
    """
    table = table.cast(pa.schema([_frame_field(field, zones) for field in table.schema]))
    plain: pd.DataFrame = table.select([name for name in table.column_names if name not in nullable]).to_pandas(
        types_mapper=_arrow_dtype
    )
    if plain.shape[1] == table.num_columns:
        return plain
    with_nulls = table.select([name for name in table.column_names if name in nullable]).to_pandas(
        types_mapper=lambda kind: NULLABLE_DTYPES.get(kind) or _arrow_dtype(kind)
    )
    frame: pd.DataFrame = pd.concat([plain, with_nulls], axis=1)[table.column_names]
    return frame


def preview_frame(table: pa.Table) -> pd.DataFrame:
    """The first rows of a source as the frame that `transform` gets: with dtypes as if the table had no other rows.

    Args:
        table: The rows, in types of the lake.
    """
    table = table.cast(pa.schema([field.with_type(_stored_type(field.type)) for field in table.schema]))
    zones = {field.name: (field.metadata or {}).get(ZONE) for field in table.schema}
    named = {name: zone.decode() for name, zone in zones.items() if zone}
    return to_pandas(table, {name for name in table.column_names if table[name].null_count}, named)


def _frame_field(field: pa.Field, zones: Mapping[str, str]) -> pa.Field:
    """Give times their zone, and decimals room for the digits that sums and products need."""
    if field.name in zones:
        return field.with_type(pa.timestamp("us", zones[field.name]))
    if pa.types.is_decimal(field.type):
        return field.with_type(pa.decimal256(field.type.precision, field.type.scale))
    return field


def _arrow_dtype(kind: pa.DataType) -> pd.ArrowDtype | None:
    checks = (pa.types.is_decimal, pa.types.is_date, pa.types.is_binary, pa.types.is_large_binary, pa.types.is_nested)
    return pd.ArrowDtype(kind) if any(check(kind) for check in checks) else None


def _stored_type(kind: pa.DataType) -> pa.DataType:
    """The type that a Delta table gives back: it stores times in microseconds."""
    return pa.timestamp("us", kind.tz) if pa.types.is_timestamp(kind) else kind
