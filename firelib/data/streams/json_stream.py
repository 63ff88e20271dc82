"""Files with one JSON object in each line as streams of blocks, in two passes as for CSV."""

from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from firelib.data.formats.json_lines import MOST_LINE_BYTES, infer_schema, is_array, open_text, parse_lines
from firelib.data.streams.file_stream import FileStream
from firelib.data.streams.read_ahead import Unit, read_in_order
from firelib.data.streams.row_stream import RowStream
from firelib.errors import FirelibError
from firelib.recipe import Source

#: Bytes of text in a block.
BLOCK_BYTES = 8 * 2**20
_GROWTH = 4  # memory of a block that is being read ÷ its text
_MARK = b"\xef\xbb\xbf"
_HEAD_BYTES = 1 << 16  # that tell an array from lines


def open_json(path: Path, source: Source, columns: Collection[str]) -> FileStream | None:  # noqa: ARG001  as all formats
    """A file of JSON lines as a stream, with the types that `read_json` would give the whole file.

    Args:
        path: The file.
        source: Names the file in errors.
        columns: Not used: strings stay text.

    Returns:
        None for an array of objects, and for a file without objects or without names in them.

    Raises:
        FirelibError: As for `read_json`; or a line is longer than 32 MiB.
        pyarrow.ArrowInvalid: As for `read_json`.
        OSError: As for `read_json`.
    """
    with open_text(path) as stream:
        if is_array(bytes(stream.read(_HEAD_BYTES))):
            return None
    merged: pa.DataType = pa.null()
    for schema in read_in_order(_units(path, source, _infer)):
        merged = merge_types(merged, pa.struct(list(schema)))
    if not merged.num_fields:
        return None
    schema = pa.schema(list(merged))
    units = partial(_units, path, source, partial(_parse, schema=schema, source=source))
    return FileStream(RowStream(schema, units, path.stat().st_size))


def merge_types(a: pa.DataType, b: pa.DataType) -> pa.DataType:
    """The type that Arrow infers for values of two types, at every level.

    Args:
        a: The type of earlier values; its fields come first.
        b: The type of later values.

    Raises:
        pyarrow.ArrowInvalid: There is none.
    """
    if a == b or pa.types.is_null(b):
        return a
    if pa.types.is_null(a):
        return b
    if {a, b} == {pa.int64(), pa.float64()}:
        return pa.float64()
    if pa.types.is_list(a) and pa.types.is_list(b):
        return pa.list_(merge_types(a.value_type, b.value_type))
    if pa.types.is_struct(a) and pa.types.is_struct(b):
        types = {field.name: field.type for field in a}
        for field in b:
            types[field.name] = merge_types(types.get(field.name, pa.null()), field.type)
        return pa.struct(list(types.items()))
    raise pa.ArrowInvalid(f"values have the types {a} and {b}")


def _units(path: Path, source: Source, read: Any) -> Iterator[Unit[Any]]:
    for block in _read_blocks(path, source):
        yield Unit(partial(read, block), len(block) * _GROWTH, len(block))


def _infer(block: bytes) -> Iterator[pa.Schema]:
    yield infer_schema(block)


def _parse(block: bytes, schema: pa.Schema, source: Source) -> Iterator[pa.Table]:
    yield parse_lines(block, schema, source).select(schema.names).cast(schema)


def _read_blocks(path: Path, source: Source) -> Iterator[bytes]:
    """The lines of a file, some MiB at a time.

    Raises:
        FirelibError: A line is longer than Arrow reads.
    """
    rest = b""
    with open_text(path) as stream:
        while content := bytes(stream.read(BLOCK_BYTES)):
            rest = (rest + content).removeprefix(_MARK)
            end = rest.rfind(b"\n") + 1
            block, rest = rest[:end], rest[end:]
            if block.strip():
                yield block
            if len(rest) > MOST_LINE_BYTES:
                raise _no_line(path, source)
    if rest.strip():
        yield rest


def _no_line(path: Path, source: Source) -> FirelibError:
    return FirelibError(
        f"expected lines of at most {MOST_LINE_BYTES >> 20} MiB, got a longer one",
        where=f"source {source}: {path.name}",
        remedy="write one object in each line, or all objects as one array",
    )
