"""Objects in a column, such as those in JSON lines: which become columns of their own."""

from collections.abc import Iterator, Mapping

import pyarrow as pa

from firelib.recipe.structs import list_fields

_MOST_FIELDS = 100  # of one column; an object with more is a dictionary whose names are data

#: Column of objects → the columns that its fields become.
Structs = Mapping[str, tuple[str, ...]]


def flatten_table(table: pa.Table) -> tuple[pa.Table, Structs]:
    """Replace columns of objects by columns of their fields, as `flatten_structs` does in a recipe's `prepare`.

    Args:
        table: Rows with the lake's types.

    Returns:
        The table, and what was flattened. A column of objects stays if it has no field, more than a hundred of them,
        or one with the name of another column.
    """
    structs: dict[str, tuple[str, ...]] = {}
    taken = {name.lower() for name in table.column_names}
    columns: dict[str, pa.ChunkedArray] = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        listed = list(list_fields(name, column))
        fields = dict(listed)
        lowered = {field.lower() for field in fields}
        if 0 < len(listed) <= _MOST_FIELDS and len(lowered) == len(listed) and not lowered & taken:
            structs[name] = tuple(fields)
            taken |= lowered
            columns |= fields
        else:
            columns[name] = column
    return (pa.table(columns), structs) if structs else (table, {})


def describe_structs(structs: Structs) -> Iterator[str]:
    """Say which columns of objects become columns of their fields: one line each.

    Args:
        structs: What was flattened.
    """
    for name, fields in structs.items():
        shown = ", ".join(fields[:5]) + (f" and {len(fields) - 5} more" if len(fields) > 5 else "")
        yield f"objects to columns: {name!r} becomes {shown}, in `prepare`"
