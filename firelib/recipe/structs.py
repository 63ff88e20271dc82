"""Columns of a table from the fields of objects, such as those in JSON lines."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def flatten_structs(rows: "pd.DataFrame", *columns: str) -> "pd.DataFrame":
    """Replace columns of objects by one column for each field, also for those of objects inside them.

    Args:
        rows: Rows with the objects. Columns that they lack are skipped.
        columns: The columns.

    Returns:
        The rows, with `<column>_<field>` instead of each column; a field is missing where its object is.

    Raises:
        ValueError: Two columns would have the same name.

    Raises:
        TypeError: A column has values that are no objects.

    Example:
        >>> import pandas as pd
        >>> rows = pd.DataFrame({"id": [1, 2], "geo": [{"city": "Oslo", "at": {"x": 1}}, None]})
        >>> flatten_structs(rows, "geo").columns.tolist()
        ['id', 'geo_city', 'geo_at_x']
    """
    import pandas as pd
    import pyarrow as pa

    present = [column for column in columns if column in rows.columns]
    objects = pa.Table.from_pandas(rows[present], preserve_index=False)
    for column in present:
        kind = objects.schema.field(column).type
        if not pa.types.is_struct(kind) and objects[column].null_count < len(rows):
            raise TypeError(f"column {column!r}: expected objects, got values of type {kind}")
    listed = [field for column in present for field in list_fields(column, objects[column])]
    _check_names([*(str(name) for name in rows.columns if name not in present), *(name for name, _ in listed)])
    fields = dict(listed)
    flat: pd.DataFrame = pa.table(fields).to_pandas(types_mapper=_to_dtype)
    flat.index = rows.index if fields else flat.index
    return pd.concat([rows.drop(columns=present), flat], axis=1) if fields else rows.drop(columns=present)


def _check_names(names: Sequence[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"two columns would be named {', '.join(twice)}: rename one of them before flatten_structs")


def list_fields(name: str, column: "pa.ChunkedArray") -> Iterator[tuple[str, "pa.ChunkedArray"]]:
    """List the fields of a column of objects, from the outermost to the innermost.

    Args:
        name: Name of the column.
        column: Its values; a column of anything else has no fields.

    Yields:
        Name of the new column, and its values, for each field that is no object itself.
    """
    import pyarrow as pa

    if not pa.types.is_struct(column.type):
        return
    for field, values in zip(column.type, column.flatten(), strict=True):
        if pa.types.is_struct(field.type):
            yield from list_fields(f"{name}_{field.name}", values)
        else:
            yield f"{name}_{field.name}", values


def _to_dtype(kind: "pa.DataType") -> Any:
    """The dtype of a field: any row may lack it, so that integers and booleans need dtypes with missing values."""
    import pandas as pd
    import pyarrow as pa

    if pa.types.is_signed_integer(kind):
        return {8: pd.Int8Dtype(), 16: pd.Int16Dtype(), 32: pd.Int32Dtype(), 64: pd.Int64Dtype()}[kind.bit_width]
    if pa.types.is_boolean(kind):
        return pd.BooleanDtype()
    checks = (pa.types.is_decimal, pa.types.is_date, pa.types.is_binary, pa.types.is_large_binary, pa.types.is_nested)
    return pd.ArrowDtype(kind) if any(check(kind) for check in checks) else None
