"""Apply the recipe's `prepare` to raw rows, as its `transform` does."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa

from firelib.errors import FirelibError
from firelib.recipe import Recipe

_NULLABLE = {
    pa.int8(): pd.Int8Dtype(),
    pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
}


def prepare_table(table: pa.Table, recipe: Recipe, where: str) -> pa.Table:
    """Apply `prepare` to rows of a file.

    Args:
        table: Raw rows with the lake's types.
        recipe: The recipe.
        where: The source of the rows, for errors.

    Raises:
        FirelibError: `prepare` fails.
    """
    if not _has_prepare(recipe):
        return table
    frame = table.to_pandas(types_mapper=_to_dtype)
    prepared = pa.Table.from_pandas(_prepare(frame, recipe, where), preserve_index=False)
    return prepared.replace_schema_metadata(None)


def prepare_records(rows: Sequence[Mapping[str, Any]], recipe: Recipe, where: str) -> Sequence[Mapping[str, Any]]:
    """Apply `prepare` to rows of JSON.

    Args:
        rows: Name → value; a missing name means a missing value.
        recipe: The recipe.
        where: The source of the rows, for errors.

    Raises:
        FirelibError: `prepare` fails.
    """
    if not _has_prepare(recipe) or not rows:
        return rows
    names = dict.fromkeys(name for row in rows for name in row)
    frame = pd.DataFrame({name: pd.Series([row.get(name) for row in rows], dtype=object) for name in names})
    prepared = _prepare(frame, recipe, where)
    return [
        {str(name): value for name, value in record.items() if not _is_missing(value)}
        for record in prepared.to_dict("records")
    ]


def _has_prepare(recipe: Recipe) -> bool:
    return type(recipe).prepare is not Recipe.prepare


def _prepare(frame: pd.DataFrame, recipe: Recipe, where: str) -> pd.DataFrame:
    try:
        prepared = recipe.prepare(frame)
    except Exception as error:  # the recipe is the user's code
        raise FirelibError(
            f"prepare failed: {type(error).__name__}: {error}",
            where=f"recipe {recipe.name!r}, {where}",
            remedy="pass rows with the columns of the data, or correct the recipe's prepare",
        ) from error
    if len(prepared) != len(frame):
        raise FirelibError(
            f"expected {len(frame)} rows from prepare, got {len(prepared)}",
            where=f"recipe {recipe.name!r}, {where}",
            remedy="return each row once, in the same order; leave rows out in Recipe.exclude",
        )
    return prepared


def _to_dtype(kind: pa.DataType) -> Any:
    if kind in _NULLABLE:
        return _NULLABLE[kind]
    checks = (pa.types.is_decimal, pa.types.is_date, pa.types.is_binary, pa.types.is_large_binary, pa.types.is_nested)
    return pd.ArrowDtype(kind) if any(check(kind) for check in checks) else None


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value)
