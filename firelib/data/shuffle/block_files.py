"""Files of Arrow record batches ("blocks") that can be read one by one: the transform's intermediate files.

A file is an Arrow stream without its end, and whoever reads it knows the offsets of its blocks. Reading some blocks of
many files therefore costs one small request per file, without opening a file to see what it holds.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from firelib import storage

_WORTH_COMPRESSING = 1 << 16  # bytes of a block: in smaller ones, each of many buffers costs more than it saves


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
    stream, offsets = encode_blocks(rows, list(edges))
    fs, path = storage.filesystem(uri)
    with storage.explain_storage(uri), fs.open(path, "wb") as file:
        file.write(stream)
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
            stream, (start, stop) = encode_blocks(rows.cast(schema).combine_chunks(), [0, rows.num_rows])
            file.write(memoryview(stream)[start:stop])
            offsets.append(offsets[-1] + stop - start)
    return BlockFile(uri, schema, np.array(offsets, np.int64))


def encode_blocks(rows: pa.Table, edges: Sequence[int]) -> tuple[pa.Buffer, list[int]]:
    """The content of a file, and the offsets of its blocks.

    Args:
        rows: The rows in one chunk, without dictionaries.
        edges: Indices at which blocks begin, ascending, and the number of rows at the end.
    """
    whole = rows.to_batches()[0] if rows.num_rows else pa.RecordBatch.from_pylist([], rows.schema)
    compression = "lz4" if rows.nbytes > _WORTH_COMPRESSING * (len(edges) - 1) else None
    options = pa.ipc.IpcWriteOptions(compression=compression, use_threads=False)
    sink, offsets = pa.BufferOutputStream(), [rows.schema.serialize().size]
    writer = pa.ipc.new_stream(sink, rows.schema, options=options)
    for first, stop in pairwise(edges):
        if first < stop:
            writer.write_batch(whole.slice(first, stop - first))
            offsets.append(sink.tell())
        else:
            offsets.append(offsets[-1])
    return sink.getvalue(), offsets


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
    contents = storage.read_ranges([(part.uri, part.start, part.stop) for part in filled])
    runs = groupby(zip(filled, contents, strict=True), key=lambda pair: pair[0].schema)
    tables = [_decode(schema, [content for _, content in run]) for schema, run in runs]
    return tables or [part.schema.empty_table() for part in parts[:1]]


def _decode(schema: pa.Schema, contents: Iterable[bytes]) -> pa.Table:
    stream = b"".join([schema.serialize().to_pybytes(), *contents])
    return pa.ipc.open_stream(stream).read_all()
