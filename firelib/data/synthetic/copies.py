"""Copies of rows: a copy has all values of its original, except for the column that numbers the copies.

A copy depends on the row and on the number of the copy alone, not on partitions, workers or other rows.
"""

from typing import TYPE_CHECKING, Any

import pandas as pd

from firelib.errors import FirelibError

if TYPE_CHECKING:
    import dask.dataframe as dd

#: Distance between the integers of copies: copy 3 of flight 1545 is flight 3000000001545.
STRIDE = 10**12
_SUFFIX = r"~\d+$"  # of texts: copy 3 of N14228 is N14228~3
_WHERE = "params.yaml: data.scale"


def copy_table(table: "dd.DataFrame", column: str, copies: int) -> "dd.DataFrame":
    """The rows of a table and their copies.

    Each copy of a partition is a partition of its own, so the memory of a task does not grow with the copies.

    Args:
        table: The rows.
        column: Column of integers or texts that numbers the copies.
        copies: How many times each row is in the result; copy 0 is the row itself.

    Raises:
        FirelibError: The column has values of another type.
    """
    import dask.dataframe as dd

    meta = copy_rows(table._meta, column, 0)
    return dd.concat([table.map_partitions(copy_rows, column, copy, meta=meta) for copy in range(copies)])


def copy_rows(rows: pd.DataFrame, column: str, copy: int) -> pd.DataFrame:
    """One copy of each row.

    Args:
        rows: The rows.
        column: Column of integers or texts that numbers the copies. Integers become 64 bits wide.
        copy: Number of the copy; copy 0 has the values of the original.

    Raises:
        FirelibError: The column has values of another type, or values that copies of other rows may have.
    """
    values = rows[column]
    if pd.api.types.is_integer_dtype(values.dtype):
        _refuse(column, values, (values < 0) | (values >= STRIDE), f"integers from 0 to {STRIDE - 1}")
        wide: Any = "Int64" if pd.api.types.is_extension_array_dtype(values.dtype) else "int64"
        return rows.assign(**{column: values.astype(wide) + copy * STRIDE})
    if pd.api.types.is_string_dtype(values.dtype):
        _refuse(column, values, values.str.contains(_SUFFIX, regex=True), "texts that do not end in ~ and digits")
        return rows.assign(**{column: values + f"~{copy}"}) if copy else rows
    raise FirelibError(
        f"column {column!r} numbers the copies of rows, but has values of type {values.dtype}",
        where=_WHERE,
        remedy="choose a key with a column of integers or text, or set data.scale to 1",
    )


def find_originals(values: "pd.Series[Any]", copies: int) -> "pd.Series[Any]":
    """The values that the originals of copies have in the column that numbers them.

    Args:
        values: Values of copies; the recipe's `transform` may have changed them.
        copies: Number of copies.

    Raises:
        FirelibError: A value is not one of a copy: `transform` has changed the column or its type.
    """
    if pd.api.types.is_string_dtype(values.dtype):
        return values.str.replace(_SUFFIX, "", regex=True)
    if not pd.api.types.is_integer_dtype(values.dtype):
        raise FirelibError(
            f"column {str(values.name)!r} numbers the copies of rows, but transform makes it {values.dtype}",
            where=_WHERE,
            remedy="keep its type in transform (an outer join makes floats of integers), or set data.scale to 1",
        )
    expected = f"the integers of {copies} copies, which transform must not change"
    _refuse(str(values.name), values, (values < 0) | (values >= copies * STRIDE), expected)
    return values % STRIDE


def find_copy_numbers(values: "pd.Series[Any]") -> "pd.Series[Any]":
    """The number of each copy.

    Args:
        values: Values of copies in the column that numbers them.
    """
    if pd.api.types.is_integer_dtype(values.dtype):
        return values // STRIDE
    return values.str.extract(r"~(\d+)$", expand=False).fillna("0").astype("int64")


def _refuse(column: str, values: "pd.Series[Any]", wrong: "pd.Series[Any]", expected: str) -> None:
    found = values[wrong.fillna(False).astype(bool)]
    if len(found):
        raise FirelibError(
            f"column {column!r} numbers the copies of rows: expected {expected}, got {found.iloc[0]!r}",
            where=_WHERE,
            remedy="choose a key with another column of integers or text, or set data.scale to 1",
        )
