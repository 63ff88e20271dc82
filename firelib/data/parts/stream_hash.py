"""The hash of rows that do not fit into memory: the same as `hash_rows` of all of them.

The hash of a version is that of an Arrow stream with all of its rows as one record batch, in which each column follows
the other. Lakes pin these hashes, so rows of any number keep them: the stored rows are read once for each buffer of
each column. Arrow itself writes the stream, of arrays that lie in a sparse file of the right size; where it writes the
content of a buffer, the hash gets the content of the stored rows.
"""

import mmap
import struct
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from firelib.data.parts.array_buffers import Node, measure_columns, read_buffer
from firelib.data.parts.row_store import StoredRows
from firelib.data.sources.row_sets import HashSink, hash_rows, plain_schema
from firelib.data.streams.read_ahead import read_in_background

_IN_MEMORY = 32 * 2**20
_MOST_OFFSET = 2**31 - 1  # of Arrow's strings and lists
_BATCH_ROWS = 256


def hash_stored_rows(rows: StoredRows, is_slice: bool = False) -> str:
    """SHA-256 of the rows' Arrow stream, in hex.

    Rows with a column of text or lists that a single array cannot hold (2 GiB) are hashed as a stream of batches of
    256 rows.

    Args:
        rows: The rows.
        is_slice: Whether the rows are slices of batches with rows of other parts. Arrow would write bytes of the
            neighbours, up to a multiple of 64, unless it concatenates chunks.
    """
    if rows.nbytes <= _IN_MEMORY:
        batches = list(rows.to_batches())
        table = pa.Table.from_batches([batches[0].slice(0, 0), *batches] if is_slice else batches, rows.schema)
        return hash_rows(table)
    nodes = measure_columns(rows)
    if any(node.is_beyond(_MOST_OFFSET) for column in nodes for node in column.walk()):
        return _hash_batches(rows)
    return _hash_as_one_batch(rows, nodes)


class _Sink(HashSink):
    """A hash of what is written, or of what stands for it.

    Attributes:
        fill: Address of a buffer → the content that is hashed instead.
    """

    def __init__(self) -> None:
        super().__init__()
        self.fill: dict[int, Iterator[bytes | memoryview]] = {}

    def write(self, content: Any) -> int:
        """Hash content, or what stands for it."""
        parts = self.fill.pop(content.address, None) if isinstance(content, pa.Buffer) else None
        if parts is None:
            return super().write(content)
        size = sum(super(_Sink, self).write(part) for part in read_in_background(parts))
        assert size == len(content), f"expected {len(content)} bytes of a column, got {size}"
        return size


def _hash_as_one_batch(rows: StoredRows, nodes: list[Node]) -> str:
    sink = _Sink()
    schema = plain_schema(rows.schema)
    with tempfile.TemporaryFile() as file:
        size = sum(node.nbytes for column in nodes for node in column.walk()) + mmap.PAGESIZE
        file.truncate(size)
        batch = _lay_out(rows, nodes, schema, mmap.mmap(file.fileno(), size), sink)  # unmapped with the last buffer
        with pa.ipc.new_stream(pa.PythonFile(sink, mode="w"), schema) as writer:
            writer.write_batch(batch)
    return sink.digest.hexdigest()


def _lay_out(rows: StoredRows, nodes: list[Node], schema: pa.Schema, space: mmap.mmap, sink: _Sink) -> pa.RecordBatch:
    """A batch whose buffers have the right sizes, but no content."""
    whole = pa.py_buffer(space)
    end = 0

    def lay_out(node: Node, column: int) -> pa.Array:
        nonlocal end
        buffers: list[pa.Buffer | None] = []
        for kind, nbytes in node.buffers():
            if nbytes is None:
                buffers.append(None)
                continue
            buffer = whole.slice(end, nbytes)
            if kind == "offsets":  # Arrow reads the last one, to know where the values end
                struct.pack_into("<q" if node.is_large else "<i", space, end + nbytes - node.offset_bytes, node.total)
            if nbytes:
                sink.fill[buffer.address] = read_buffer(rows, column, node, kind)
            buffers.append(buffer)
            end += -(-nbytes // 8) * 8
        children = [lay_out(child, column) for child in node.children]
        return pa.Array.from_buffers(node.kind, node.length, buffers, node.null_count, children=children or None)

    return pa.RecordBatch.from_arrays([lay_out(node, index) for index, node in enumerate(nodes)], schema=schema)


def _hash_batches(rows: StoredRows) -> str:
    sink, schema = HashSink(), plain_schema(rows.schema)
    with pa.ipc.new_stream(pa.PythonFile(sink, mode="w"), schema) as writer:
        for table in _regroup(rows.to_batches(), rows.schema, _BATCH_ROWS):
            # `take` copies: a slice would show bytes of its neighbours, and nulls those of what the reader left there
            writer.write_table(table.cast(schema).take(np.arange(table.num_rows)).combine_chunks())
    return sink.digest.hexdigest()


def _regroup(batches: Iterator[pa.RecordBatch], schema: pa.Schema, rows: int) -> Iterator[pa.Table]:
    """Tables with the same number of rows each, but for the last."""
    held = pa.Table.from_batches([], schema)
    for batch in batches:
        held = pa.concat_tables([held, pa.Table.from_batches([batch])])
        whole = held.num_rows // rows * rows
        for start in range(0, whole, rows):
            yield held.slice(start, rows)
        held = held.slice(whole)
    if held.num_rows:
        yield held
