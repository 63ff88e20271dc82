"""CSV files with a header line, plain or compressed, or as the only file of a zip archive."""

import zipfile
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from firelib.data.formats.declared_types import EXACT_FLOAT, has_wide_integer, to_arrow_type
from firelib.data.formats.format import Format
from firelib.data.formats.lake_types import INFERRED_TYPE
from firelib.errors import FirelibError
from firelib.recipe import Source

# A quoted value may span lines. Without the option, Arrow cuts its blocks of 1 MiB inside such a value.
_PARSING = pyarrow.csv.ParseOptions(newlines_in_values=True)


def read_csv(path: Path, source: Source) -> pa.Table:
    """A CSV file as a table; Arrow infers the types of the columns that `source.types` does not declare.

    Times of day, which the lake has no type for, and integers that floats would round, stay text.

    Args:
        path: The file. Its suffix tells the compression.
        source: Declares types, and names the strings that stand for a missing value.

    Raises:
        FirelibError: A zip archive contains no file, or several; or a text is not UTF-8.
        pyarrow.ArrowInvalid: The file is not CSV, or a value does not have the declared type.
        OSError: The compressed data are damaged.
    """
    types = {column: to_arrow_type(name) for column, name in source.types.items()}
    try:
        table = _read_with_zones(path, source, types)
    except pa.ArrowInvalid as error:
        raise (_foreign_text(str(error), source) if "invalid UTF8" in str(error) else error) from None
    _check_encoding(table, source, types)
    inexact = [column for column in set(table.column_names) - set(types) if _is_inexact(table, column)]
    if not inexact:
        return table
    texts = _read_with_types(path, source, {**types, **dict.fromkeys(inexact, pa.string())})
    for column in inexact:
        kind, index = table.schema.field(column).type, table.column_names.index(column)
        if pa.types.is_time(kind):
            table = table.set_column(index, column, texts[column])
        elif has_wide_integer(texts[column], table[column]):
            field = pa.field(column, pa.string(), metadata={INFERRED_TYPE: str(kind)})
            table = table.set_column(index, field, texts[column])
    return table


def _check_encoding(table: pa.Table, source: Source, types: dict[str, pa.DataType]) -> None:
    """Refuse text that is not UTF-8, which Arrow would infer to be bytes."""
    try:
        names = table.column_names
    except UnicodeDecodeError as error:
        raise _foreign_text(f"the header line: {error.object!r}", source) from None
    for name in names:
        if name not in types and pa.types.is_binary(table.schema.field(names.index(name)).type):
            value = next(value for value in table.column(names.index(name)).to_pylist() if not _is_utf8(value))
            raise _foreign_text(f"column {name!r}: {value!r}", source)


def _is_utf8(value: bytes | None) -> bool:
    try:
        (value or b"").decode()
    except UnicodeDecodeError:
        return False
    return True


def _foreign_text(what: str, source: Source) -> FirelibError:
    return FirelibError(
        f"expected text in UTF-8, got {what}",
        where=f"source {source.uri}",
        remedy="convert the file with the encoding that it has, e.g. iconv -f ISO-8859-1 -t UTF-8, or declare a column "
        "of bytes: Source(uri, types={column: 'bytes'})",
    )


def _is_inexact(table: pa.Table, column: str) -> bool:
    """Whether the inferred type of a column may have changed its values."""
    if table.column_names.count(column) > 1:
        return False  # refused later
    kind = table.schema.field(column).type
    if not pa.types.is_floating(kind):
        return bool(pa.types.is_time(kind))
    return bool(pc.any(pc.greater_equal(pc.abs(table[column]), EXACT_FLOAT)).as_py())


def _read_with_zones(path: Path, source: Source, types: dict[str, pa.DataType]) -> pa.Table:
    """Read a file whose zoned times have no offset, or else one whose times have."""
    naive = {column: pa.timestamp(kind.unit) for column, kind in types.items() if getattr(kind, "tz", None)}
    if naive:
        with suppress(pa.ArrowInvalid):
            return _read_with_types(path, source, {**types, **naive})
    return _read_with_types(path, source, types)


def _read_with_types(path: Path, source: Source, types: dict[str, pa.DataType]) -> pa.Table:
    options = pyarrow.csv.ConvertOptions(
        column_types=types, null_values=list(source.null_values), strings_can_be_null=True
    )
    if path.suffix.lower() != ".zip":
        return pyarrow.csv.read_csv(path, parse_options=_PARSING, convert_options=options)
    try:
        with zipfile.ZipFile(path) as archive, archive.open(_only_file(archive, path, source)) as file:
            return pyarrow.csv.read_csv(file, parse_options=_PARSING, convert_options=options)
    except zipfile.BadZipFile as error:
        raise OSError(str(error)) from error


def _only_file(archive: zipfile.ZipFile, path: Path, source: Source) -> str:
    names = [info.filename for info in archive.infolist() if not info.is_dir()]
    if len(names) != 1:
        raise FirelibError(
            f"expected 1 file in {path.name}, got {len(names)}",
            where=f"source {source.uri}",
            remedy="unpack the archive, and name one of its files as the source",
        )
    return names[0]


CSV = Format(
    name="csv",
    read=read_csv,
    names=r"\.(csv|txt|dat|data)",
    compressions=(".gz", ".bz2", ".zst", ".lz4", ".zip"),
    infers_types=True,
)
