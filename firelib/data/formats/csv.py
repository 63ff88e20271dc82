"""CSV files, plain or compressed, or as the only file of a zip archive."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from firelib.data.formats.csv_input import CsvInput
from firelib.data.formats.declared_types import EXACT_FLOAT, has_wide_integer, to_arrow_type
from firelib.data.formats.format import Format, Head
from firelib.data.formats.lake_types import INFERRED_TYPE
from firelib.errors import FirelibError
from firelib.recipe import Source

_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_DELIMITERS = (";", "\t", "|")


def read_csv(path: Path, source: Source) -> pa.Table:
    """A CSV file as a table; Arrow infers the types of the columns that `source.types` does not declare.

    Times of day, which the lake has no type for, and integers that floats would round, stay text.

    Args:
        path: The file. Its suffix tells the compression.
        source: Declares dialect and types, and names the strings that stand for a missing value.

    Raises:
        FirelibError: A zip archive contains no file, or several; a text does not have the encoding; or the delimiter
            is another one.
        pyarrow.ArrowInvalid: The file is not CSV, or a value does not have the declared type.
        OSError: The compressed data are damaged.
    """
    return CsvReader(CsvInput(path, path.name, source), None).read()


def read_csv_head(file: IO[bytes], name: str, source: Source, rows: int) -> Head:
    """The first rows of a CSV file, with the types that these rows suggest.

    Args:
        file: The file.
        name: Its name, whose suffix tells the compression.
        source: As for `read_csv`.
        rows: Number of rows.

    Raises:
        FirelibError: As for `read_csv`.
        pyarrow.ArrowInvalid: As for `read_csv`.
        OSError: As for `read_csv`.
    """
    reader = CsvReader(CsvInput(file, name, source, is_head=True), rows)
    return Head(reader.read(), reader.is_complete)


class CsvReader:
    """Reads a file with several attempts at its types.

    Args:
        file: The file.
        rows: Number of rows to read; None reads all.

    Attributes:
        is_complete: Whether `read` returned all rows.
    """

    def __init__(self, file: CsvInput, rows: int | None) -> None:
        self._file, self._source, self._rows = file, file.source, rows
        self.is_complete = True

    def read(self) -> pa.Table:
        """The table with types that keep all values: those that do not are read as text."""
        table, types = self.read_inferred()
        inexact = [column for column in set(table.column_names) - set(types) if _is_inexact(table, column)]
        if not inexact:
            return table
        texts = self.read_with_types({**types, **dict.fromkeys(inexact, pa.string())})
        for column in inexact:
            kind, index = table.schema.field(column).type, table.column_names.index(column)
            if pa.types.is_time(kind):
                table = table.set_column(index, column, texts[column])
            elif has_wide_integer(texts[column], table[column]):
                field = pa.field(column, pa.string(), metadata={INFERRED_TYPE: str(kind)})
                table = table.set_column(index, field, texts[column])
        return table

    def read_inferred(self) -> tuple[pa.Table, dict[str, pa.DataType]]:
        """The table with the types that Arrow infers, and the types that decided the others."""
        declared = {column: to_arrow_type(name) for column, name in self._source.types.items()}
        with self.explain():
            table, types = self._read_with_zones(declared)
        self._check_encoding(table, declared)
        self._check_delimiter(table.column_names)
        return table, types

    @contextmanager
    def explain(self) -> Iterator[None]:
        """Replace Arrow's errors by ones that say what to declare."""
        try:
            yield
        except UnicodeDecodeError as error:
            raise self._foreign_text(f"{error.object[error.start : error.start + 20]!r}") from None
        except pa.ArrowInvalid as error:
            raise self._explain(error) from None

    def _read_with_zones(self, types: dict[str, pa.DataType]) -> tuple[pa.Table, dict[str, pa.DataType]]:
        """Read a file whose zoned times have no offset, or else one whose times have."""
        naive = {column: pa.timestamp(kind.unit) for column, kind in types.items() if getattr(kind, "tz", None)}
        if naive:
            with suppress(pa.ArrowInvalid):
                return self.read_with_types({**types, **naive}), {**types, **naive}
        return self.read_with_types(types), types

    def read_with_types(self, types: Mapping[str, pa.DataType], columns: Sequence[str] = ()) -> pa.Table:
        """The table with types of some columns; the others are inferred.

        Args:
            types: Column → type.
            columns: The columns to read; by default all.
        """
        convert = pyarrow.csv.ConvertOptions(
            include_columns=list(columns),
            column_types=dict(types),
            null_values=list(self._source.null_values),
            strings_can_be_null=True,
            decimal_point=self._file.dialect.decimal,
        )
        read, parse = self._file.read_options(), self._file.parse_options()
        with self._file.open() as stream:
            if self._rows is None:
                return pyarrow.csv.read_csv(stream, read, parse, convert)
            return self._first_rows(pyarrow.csv.open_csv(stream, read, parse, convert), self._rows)

    def _first_rows(self, reader: pyarrow.csv.CSVStreamingReader, rows: int) -> pa.Table:
        """Read blocks until there are enough rows. A later block may have values of another type than the first."""
        batches: list[pa.RecordBatch] = []
        self.is_complete = False
        with suppress(StopIteration):
            batches.append(reader.read_next_batch())
        try:
            while sum(batch.num_rows for batch in batches) <= rows:
                batches.append(reader.read_next_batch())
        except StopIteration:
            self.is_complete = not self._file.is_cut
        except (pa.ArrowInvalid, UnicodeDecodeError):
            pass
        return pa.Table.from_batches(batches, reader.schema).slice(0, rows)

    def _explain(self, error: Exception) -> Exception:
        if "invalid UTF8" in str(error) or (self._find_mark() and self._file.dialect.encoding == "utf-8"):
            return self._foreign_text(str(error))
        with suppress(pa.ArrowInvalid, OSError, UnicodeDecodeError), self._file.open() as stream:
            head = bytes(stream.read(1 << 16)).decode(self._file.dialect.encoding, "replace")
            lines = head.splitlines()[self._file.dialect.skip_rows :]
            self._check_delimiter(lines[0].split(str(self._file.dialect.delimiter)) if lines else [])
        return error

    def _check_delimiter(self, names: Sequence[str]) -> None:
        """Refuse a file whose column names look as if it had another delimiter."""
        if self._source.csv and self._source.csv.delimiter:
            return
        found = [delimiter for delimiter in _DELIMITERS if len(names) == 1 and delimiter in names[0]]
        if found:
            raise FirelibError(
                f"expected columns separated by {self._file.dialect.delimiter!r}, got a single column {names[0]!r}: "
                f"the names look separated by {found[0]!r}",
                where=f"source {self._source}",
                remedy=f"declare the delimiter: Source(uri, csv=CsvDialect(delimiter={found[0]!r})), and decimal=',' "
                "if numbers have a decimal comma",
            )

    def _check_encoding(self, table: pa.Table, types: dict[str, pa.DataType]) -> None:
        """Refuse text that is not UTF-8, which Arrow would infer to be bytes."""
        try:
            names = table.column_names
        except UnicodeDecodeError as error:
            raise self._foreign_text(f"the header line: {error.object!r}") from None
        for name in names:
            if name not in types and pa.types.is_binary(table.schema.field(names.index(name)).type):
                value = next(value for value in table.column(names.index(name)).to_pylist() if not _is_utf8(value))
                raise self._foreign_text(f"column {name!r}: {value!r}")

    def _find_mark(self) -> str | None:
        """The encoding that a byte order mark tells, other than UTF-8."""
        with suppress(OSError, UnicodeDecodeError), self._file.open() as stream:
            return _MARKS.get(bytes(stream.read(2)))
        return None

    def _foreign_text(self, what: str) -> FirelibError:
        encoding = self._find_mark() or "latin-1"
        return FirelibError(
            f"expected text in {self._file.dialect.encoding.upper()}, got {what}",
            where=f"source {self._source}",
            remedy=f"declare the encoding: Source(uri, csv=CsvDialect(encoding={encoding!r})), or a column of bytes: "
            "Source(uri, types={column: 'bytes'})",
        )


def _is_utf8(value: bytes | None) -> bool:
    try:
        (value or b"").decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_inexact(table: pa.Table, column: str) -> bool:
    """Whether the inferred type of a column may have changed its values."""
    if table.column_names.count(column) > 1:
        return False  # refused later
    kind = table.schema.field(column).type
    if not pa.types.is_floating(kind):
        return bool(pa.types.is_time(kind))
    return bool(pc.any(pc.greater_equal(pc.abs(table[column]), EXACT_FLOAT)).as_py())


CSV = Format(
    name="csv",
    read=read_csv,
    read_head=read_csv_head,
    names=r"\.(csv|txt|dat|data|tsv|tab)",
    compressions=(".gz", ".bz2", ".zst", ".lz4", ".zip"),
    infers_types=True,
)
