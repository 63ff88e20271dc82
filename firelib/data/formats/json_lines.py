"""JSON: one object in each line, or an array of objects, plain or compressed."""

import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from firelib.data.formats.declared_types import EXACT_FLOAT
from firelib.data.formats.format import Format, Head
from firelib.errors import FirelibError
from firelib.recipe import Source
from firelib.storage.json_files import build_object

_CODECS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".lz4": "lz4"}
_HEAD_BYTES = 1 << 20
_BLOCK_BYTES = 16 << 20
#: Arrow reads no longer line: it may begin in one block, and must end in the next.
MOST_LINE_BYTES = 2 * _BLOCK_BYTES


def read_json(path: Path, source: Source) -> pa.Table:
    """A file of JSON objects as a table. Names that an object lacks are null; strings stay text.

    Args:
        path: The file. Its suffix tells the compression.
        source: Names the file in errors.

    Raises:
        FirelibError: The file is neither lines of objects nor an array of objects, or a column of numbers has an
            integer that floats would round.
        pyarrow.ArrowInvalid: A line is not a JSON object, or a name has values of several types.
        OSError: The compressed data are damaged.
    """
    with open_text(path) as stream:
        return _parse(stream.read(), source)


def open_text(path: Path) -> pa.NativeFile:
    """The text of a file, decompressed."""
    return pa.input_stream(str(path), compression=_CODECS.get(path.suffix.lower()))


def read_json_head(file: IO[bytes], name: str, source: Source, rows: int) -> Head:
    """The first rows of a file of JSON objects.

    Args:
        file: The file.
        name: Its name, whose suffix tells the compression.
        source: Names the file in errors.
        rows: Number of rows.

    Raises:
        FirelibError: As for `read_json`.
        pyarrow.ArrowInvalid: As for `read_json`.
        OSError: As for `read_json`.
    """
    codec = _CODECS.get(Path(name).suffix.lower())
    stream = pa.CompressedInputStream(pa.PythonFile(file, mode="r"), codec) if codec else file
    head = stream.read(_HEAD_BYTES)
    is_all = len(head) < _HEAD_BYTES
    if not is_all and is_array(head):
        objects = _first_objects(head, rows)
        return Head(_parse(json.dumps(objects).encode(), source), is_complete=False)
    cut = b"" if is_all else head[: head.rfind(b"\n") + 1]
    return Head.cut(_parse(cut or head + stream.read(), source), rows, is_complete=not cut)


def _first_objects(head: bytes, rows: int) -> list[Any]:
    """The objects of an array whose end is missing."""
    text, decoder = head.decode("utf-8", "ignore"), json.JSONDecoder()
    objects: list[Any] = []
    position = text.index("[") + 1
    while len(objects) < rows:
        try:
            value, position = decoder.raw_decode(text, _skip(text, position))
        except ValueError:
            break
        objects.append(value)
    return objects


def _skip(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\r\n,":
        position += 1
    return position


def is_array(content: bytes) -> bool:
    """Whether the text is an array, or its beginning."""
    return content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"["


def _parse(content: bytes, source: Source) -> pa.Table:
    content = content.removeprefix(b"\xef\xbb\xbf")
    lines = b"".join(_to_lines(content, source)) if is_array(content) else content
    if not lines.strip():
        raise pa.ArrowInvalid("the file has no objects")
    table = _read(lines, None)
    schema = _without_times(table.schema)
    if schema == table.schema.remove_metadata():
        return _check(table, lines, source)
    return parse_lines(lines, schema, source)


def infer_schema(lines: bytes) -> pa.Schema:
    """The types of the values in some lines.

    Raises:
        pyarrow.ArrowInvalid: A line is not a JSON object, or a name has values of several types.
    """
    return _without_times(_read(lines, None).schema)


def parse_lines(lines: bytes, schema: pa.Schema, source: Source) -> pa.Table:
    """The rows of some lines.

    Args:
        lines: The lines.
        schema: Types of the values.
        source: Names the file in errors.

    Raises:
        FirelibError: A column of numbers has an integer that floats would round.
        pyarrow.ArrowInvalid: A value does not have its type.
    """
    return _check(_read(lines, schema), lines, source)


def _check(table: pa.Table, lines: bytes, source: Source) -> pa.Table:
    table.validate(full=True)  # Arrow misreads lists with both null and objects
    _check_integers(table, lines, source)
    return table


def _without_times(schema: pa.Schema) -> pa.Schema:
    """Text instead of times, for which Arrow takes some strings."""
    return pa.schema([(field.name, _times_as_text(field.type)) for field in schema])


def _to_lines(content: bytes, source: Source) -> Iterator[bytes]:
    where = f"source {source}"
    try:
        rows = json.loads(content, object_pairs_hook=build_object)
    except (ValueError, RecursionError) as error:
        raise FirelibError(f"not JSON: {error}", where=where, remedy="correct the file") from None
    for index, row in enumerate(rows):
        if not isinstance(row, dict):
            raise FirelibError(
                f"expected an array of objects, got {type(row).__name__} at index {index}",
                where=where,
                remedy="write one object for each row",
            )
        yield json.dumps(row).encode() + b"\n"


def _read(lines: bytes, schema: pa.Schema | None) -> pa.Table:
    parse = pyarrow.json.ParseOptions(explicit_schema=schema, newlines_in_values=False)
    read = pyarrow.json.ReadOptions(block_size=_BLOCK_BYTES)
    return pyarrow.json.read_json(BytesIO(lines), read, parse)


def _times_as_text(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_list(kind):
        return pa.list_(_times_as_text(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([(field.name, _times_as_text(field.type)) for field in kind])
    return pa.string() if pa.types.is_temporal(kind) else kind


def _check_integers(table: pa.Table, lines: bytes, source: Source) -> None:
    """Refuse integers among floats that the floats would round, at every level."""
    wide = [field for field in table.schema if any(map(_has_wide_floats, table[field.name].chunks))]
    if not wide:
        return
    rows = [json.loads(line) for line in lines.splitlines() if line.strip()]
    rounded = [field.name for field in wide if any(_is_rounded(row.get(field.name), field.type) for row in rows)]
    if rounded:
        raise FirelibError(
            f"integers that floats would round: {', '.join(map(repr, rounded))}",
            where=f"source {source}",
            remedy="write them as strings, and declare types={column: 'string'} or 'decimal(38, 0)'",
        )


def _has_wide_floats(values: pa.Array) -> bool:
    if pa.types.is_list(values.type):
        return _has_wide_floats(values.flatten())
    if pa.types.is_struct(values.type):
        return any(map(_has_wide_floats, values.flatten()))
    if not pa.types.is_floating(values.type):
        return False
    return bool(pc.any(pc.greater_equal(pc.abs(values), EXACT_FLOAT)).as_py())


def _is_rounded(value: Any, kind: pa.DataType) -> bool:
    if value is None:
        return False
    if pa.types.is_list(kind):
        return any(_is_rounded(item, kind.value_type) for item in value)
    if pa.types.is_struct(kind):
        return any(_is_rounded(value.get(field.name), field.type) for field in kind)
    if not (isinstance(value, int) and pa.types.is_floating(kind)):
        return False
    return abs(value) >= 2**1023 or int(float(value)) != value


JSON = Format(
    name="json",
    read=read_json,
    read_head=read_json_head,
    names=r"\.(jsonl|ndjson|json)",
    compressions=(".gz", ".bz2", ".zst", ".lz4"),
    has_integers=False,
)
