"""Rows that are there more than once."""

import pyarrow as pa

_MOST_ROWS = 2_000_000


def describe_duplicates(table: pa.Table) -> list[str]:
    """Warn of rows that are copies of others: a line, if there are any.

    Args:
        table: The rows as they are in the data. Tables of more than two million rows, and those with lists or bytes,
            are not searched.
    """
    if table.num_rows > _MOST_ROWS or any(pa.types.is_nested(field.type) for field in table.schema):
        return []
    numbered = table.rename_columns([str(index) for index in range(table.num_columns)])
    copies = table.num_rows - numbered.group_by(numbered.column_names).aggregate([]).num_rows
    if not copies:
        return []
    rows = "1 row is a copy of another one" if copies == 1 else f"{copies:,} rows are copies of others"
    risk = "unless split_by keeps copies together, training may see rows of the test"
    return [f"copies: {rows}; {risk}: transform drops them with rows.drop_duplicates()"]
