"""Rows without an order, such as those of a database: a deterministic order, and a hash."""

import hashlib
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc


def sort_rows(table: pa.Table, key: Sequence[str]) -> pa.Table:
    """Sort rows by all columns, so that equal rows give equal tables whatever order they come in.

    Args:
        table: The rows.
        key: Columns to sort by first.
    """
    names = [*(name for name in key if name in table.column_names), *table.column_names]
    columns = [_sortable(table[name]) for name in dict.fromkeys(names)]
    if not columns:
        return table
    order = [f"{index}" for index in range(len(columns))]  # Arrow takes a name that begins with a dot for a path
    keys = pa.table(columns, names=order)
    return table.take(pc.sort_indices(keys, [(name, "ascending") for name in order])).combine_chunks()


def hash_rows(table: pa.Table) -> str:
    """SHA-256 of the rows' Arrow stream, in hex."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return hashlib.sha256(sink.getvalue()).hexdigest()


def _sortable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Values that Arrow sorts: lists, structs and maps as text."""
    if not pa.types.is_nested(column.type):
        return column
    return pa.chunked_array([pa.array([None if value is None else repr(value) for value in column.to_pylist()])])
