"""Rows without an order, such as those of a database: a deterministic order, and a hash."""

import hashlib
from collections.abc import Sequence
from typing import Any

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
    columns += [_bits(column) for column in columns if pa.types.is_floating(column.type)]
    if not columns:
        return table
    order = [f"{index}" for index in range(len(columns))]  # Arrow takes a name that begins with a dot for a path
    keys = pa.table(columns, names=order)
    return table.take(pc.sort_indices(keys, [(name, "ascending") for name in order])).combine_chunks()


def hash_rows(table: pa.Table) -> str:
    """SHA-256 of the rows' Arrow stream, in hex. It does not depend on metadata, which vary between drivers."""
    table = table.cast(plain_schema(table.schema))
    sink = HashSink()
    with pa.ipc.new_stream(pa.PythonFile(sink, mode="w"), table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return sink.digest.hexdigest()


class HashSink:
    """A file that only hashes what is written, so that it need not fit into memory.

    Attributes:
        digest: The SHA-256 of what was written.
    """

    closed = False

    def __init__(self) -> None:
        self.digest = hashlib.sha256()

    def write(self, content: Any) -> int:
        """Hash content."""
        self.digest.update(content)
        return len(content)

    def flush(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


def plain_schema(schema: pa.Schema) -> pa.Schema:
    """Names and types of a schema, without metadata at any level."""
    return pa.schema([(field.name, _without_metadata(field.type)) for field in schema])


def _sortable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Values that Arrow sorts: lists, structs and maps as text."""
    if not pa.types.is_nested(column.type):
        return column
    return pa.chunked_array([pa.array([None if value is None else repr(value) for value in column.to_pylist()])])


def _bits(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Floats as integers, which tell 0.0 from -0.0."""
    kind = {16: pa.int16(), 32: pa.int32(), 64: pa.int64()}[column.type.bit_width]
    return pa.chunked_array([chunk.view(kind) for chunk in column.chunks], kind)


def _without_metadata(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_struct(kind):
        return pa.struct([(field.name, _without_metadata(field.type)) for field in kind])
    if pa.types.is_map(kind):
        return pa.map_(_without_metadata(kind.key_type), _without_metadata(kind.item_type))
    if pa.types.is_large_list(kind):
        return pa.large_list(_without_metadata(kind.value_type))
    return pa.list_(_without_metadata(kind.value_type)) if pa.types.is_list(kind) else kind
