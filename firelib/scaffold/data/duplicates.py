"""Rows that are there more than once."""

import pyarrow as pa

_MOST_ROWS = 2_000_000


def drop_copies(table: pa.Table) -> pa.Table:
    """Keep the first of the rows that are equal in all columns, in their order.

    Args:
        table: Rows. Tables of more than two million rows, and those with lists or bytes, are not searched.

    Returns:
        The rows; the table itself if there are no copies.
    """
    if table.num_rows > _MOST_ROWS or any(pa.types.is_nested(field.type) for field in table.schema):
        return table
    numbered = table.rename_columns([str(index) for index in range(table.num_columns)])
    different = numbered.group_by(numbered.column_names, use_threads=False).aggregate([])  # threads would mix the rows
    if different.num_rows == table.num_rows:
        return table
    return different.select(numbered.column_names).rename_columns(table.column_names)


def describe_duplicates(table: pa.Table, has_key: bool) -> list[str]:
    """Warn of rows that are copies of others: a line, if there are any.

    Args:
        table: The rows as they are in the data.
        has_key: Whether columns of the data are the key, which only one of the copies may have.
    """
    copies = table.num_rows - drop_copies(table).num_rows
    if not copies:
        return []
    rows = "1 row is a copy of another one" if copies == 1 else f"{copies:,} rows are copies of others"
    if has_key:
        return [f"copies: {rows}; transform sets all but one of them aside, because they have the same key"]
    risk = "unless split_by keeps copies together, training may see rows of the test"
    return [f"copies: {rows}; {risk}: transform drops them with rows.drop_duplicates()"]
