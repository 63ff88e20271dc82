"""Files of Arrow record batches ("blocks") that can be read one by one: the transform's intermediate files.

A file is an Arrow stream without its end, and whoever reads it knows the offsets of its blocks. Reading some blocks of
many files therefore costs one small request per file, without opening a file to see what it holds.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from firelib import storage

_WORTH_COMPRESSING = 1 << 16  # bytes of a column in a block: of smaller ones, reading takes up to ten times as long
_BUFFER_BYTES = 1 << 20  # that are written at once: Arrow writes each buffer of a column by itself


@dataclass(frozen=True)
class Blocks:
    """Adjacent blocks of a file.

    Attributes:
        uri: The file.
        schema: Schema of the rows.
        start: Offset of the first byte.
        stop: Offset after the last byte.
    """

    uri: str
    schema: pa.Schema
    start: int
    stop: int


@dataclass(frozen=True)
class BlockFile:
    """A written file.

    Attributes:
        uri: Where it is.
        schema: Schema of its rows.
        offsets: int64 [blocks + 1]: where each block begins, in bytes, and where the last one ends.
    """

    uri: str
    schema: pa.Schema
    offsets: npt.NDArray[np.int64]

    def select(self, first: int, stop: int) -> Blocks:
        """The blocks from `first` up to, not including, `stop`."""
        return Blocks(self.uri, self.schema, int(self.offsets[first]), int(self.offsets[stop]))


def share_schemas(files: Iterable[BlockFile]) -> list[BlockFile]:
    """The files with one object for each distinct schema, so that a pickle of many files has each schema once.

    Args:
        files: The files, which came from different processes.
    """
    schemas: dict[pa.Schema, pa.Schema] = {}
    return [replace(file, schema=schemas.setdefault(file.schema, file.schema)) for file in files]


def write_blocks(rows: pa.Table, edges: Iterable[int], uri: str) -> BlockFile:
    """Write a table.

    Args:
        rows: The rows.
        edges: Indices at which blocks begin, ascending, and the number of rows at the end.
        uri: The file; an existing one is replaced.

    Raises:
        FirelibError: The disk is full, or the bucket cannot be used.
    """
    rows = decode_dictionaries(rows).combine_chunks()
    fs, path = storage.filesystem(uri)
    with (
        storage.explain_storage(uri),
        fs.open(path, "wb") as file,
        pa.output_stream(file, buffer_size=_BUFFER_BYTES) as sink,
    ):
        offsets = encode_blocks(rows, list(edges), sink)
    return BlockFile(uri, rows.schema, np.array(offsets, np.int64))


def stream_blocks(tables: Iterable[pa.Table], schema: pa.Schema, uri: str) -> BlockFile:
    """Write tables as blocks, one after the other, so that memory holds one of them.

    Args:
        tables: The blocks.
        schema: Schema of all tables, without dictionaries.
        uri: The file; an existing one is replaced.

    Raises:
        FirelibError: The disk is full, or the bucket cannot be used.
    """
    offsets = [schema.serialize().size]
    fs, path = storage.filesystem(uri)
    with storage.explain_storage(uri), fs.open(path, "wb") as file:
        file.write(schema.serialize())
        for rows in tables:
            block = pa.BufferOutputStream()
            start, stop = encode_blocks(rows.cast(schema).combine_chunks(), [0, rows.num_rows], block)
            file.write(memoryview(block.getvalue())[start:stop])
            offsets.append(offsets[-1] + stop - start)
    return BlockFile(uri, schema, np.array(offsets, np.int64))


def encode_blocks(rows: pa.Table, edges: Sequence[int], sink: pa.NativeFile) -> list[int]:
    """Write the content of a file.

    Args:
        rows: The rows, without dictionaries; in one chunk, unless Arrow cannot hold a column in one.
        edges: Indices at which blocks begin, ascending, and the number of rows at the end.
        sink: Where to write.

    Returns:
        The offsets of the blocks, and of the end of the last one.
    """
    columns = (len(edges) - 1) * rows.num_columns
    compression = "lz4" if rows.nbytes > _WORTH_COMPRESSING * columns else None
    options = pa.ipc.IpcWriteOptions(compression=compression, use_threads=False)
    offsets = [rows.schema.serialize().size]
    writer = pa.ipc.new_stream(sink, rows.schema, options=options)
    for first, stop in pairwise(edges):
        for batch in rows.slice(first, stop - first).to_batches():
            writer.write_batch(batch)
        offsets.append(sink.tell() if first < stop else offsets[-1])
    return offsets


def decode_dictionaries(rows: pa.Table) -> pa.Table:
    """The table with plain values instead of dictionaries, of which each file would need its own.

    Args:
        rows: The rows.
    """
    for index, field in enumerate(rows.schema):
        if pa.types.is_dictionary(field.type):
            plain = field.with_type(field.type.value_type)
            rows = rows.set_column(index, plain, rows[field.name].cast(plain.type))
    return rows


def read_blocks(parts: Sequence[Blocks]) -> list[pa.Table]:
    """Read blocks of files, all requested at once.

    Args:
        parts: What to read.

    Returns:
        The rows in the order of `parts`: one table for each run of parts with equal schemas.
    """
    filled = [part for part in parts if part.start < part.stop]
    contents = deque(storage.read_ranges([(part.uri, part.start, part.stop) for part in filled]))
    runs = groupby(part.schema for part in filled)
    tables = [_decode(schema, contents, sum(1 for _ in run)) for schema, run in runs]
    return tables or [part.schema.empty_table() for part in parts[:1]]


def _decode(schema: pa.Schema, contents: deque[bytes], count: int) -> pa.Table:
    """Take the first blocks from `contents`, so that they are released once they are joined."""
    stream = b"".join([schema.serialize().to_pybytes(), *(contents.popleft() for _ in range(count))])
    return pa.ipc.open_stream(stream).read_all()
