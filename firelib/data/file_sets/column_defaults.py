"""Values for rows without one, which a source declares: of a column that its earlier rows or files lack."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from firelib.data.formats.declared_types import to_arrow_type
from firelib.errors import FirelibError
from firelib.recipe import Source


def fill_defaults(rows: pa.Table, source: Source, where: str) -> pa.Table:
    """Fill missing values with those that the source declares.

    Args:
        rows: The rows of the source, with declared types.
        source: Its `defaults`.
        where: The source, for errors.

    Returns:
        The rows; a column that they lack is added, with its declared type or that of the default.

    Raises:
        FirelibError: A default does not have the type of its column.
    """
    for column, default in source.defaults.items():
        if column not in rows.column_names:
            declared = to_arrow_type(source.types[column]) if column in source.types else pa.null()
            scalar = _to_scalar(default, declared, column, where)
            rows = rows.append_column(column, pa.repeat(scalar, rows.num_rows))
            continue
        index, values = rows.column_names.index(column), rows[column]
        scalar = _to_scalar(default, values.type, column, where)
        field = rows.schema.field(index).with_type(scalar.type)
        rows = rows.set_column(index, field, pc.fill_null(values.cast(scalar.type), scalar))
    return rows


def _to_scalar(default: Any, kind: pa.DataType, column: str, where: str) -> pa.Scalar:
    """The default as a value of a column; a column without a type takes that of the default."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    try:
        value = pa.scalar(default)
        if pa.types.is_null(kind):
            return value
        value.cast(kind)  # refuses to round, which the conversion does not
        return pa.scalar(default, kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        expected = "an Arrow type" if pa.types.is_null(kind) else f"type {kind}"
        raise FirelibError(
            f"column {column!r}: expected a default of {expected}, got {default!r}",
            where=where,
            remedy="correct Source.defaults, or declare the type of the column in Source.types",
        ) from None
