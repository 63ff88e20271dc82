"""Open the text of a CSV file for Arrow: decompressed, out of a zip archive, without comments."""

import codecs
import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path, PurePath
from typing import IO, Any

import pyarrow as pa
import pyarrow.csv

from firelib.data.formats.csv_comments import remove_comments
from firelib.errors import FirelibError
from firelib.recipe import Source
from firelib.recipe.csv_dialect import CsvDialect

_TABBED = (".tsv", ".tab")
#: Suffix → compression.
CODECS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".lz4": "lz4"}
_HEAD_BYTES = 4 << 20  # more than the first rows need; Arrow would read 20 MiB ahead


def dialect_of(source: Source, name: str) -> CsvDialect:
    """The dialect of a file: what the source declares, and the delimiter that the name tells.

    Args:
        source: Declares the dialect.
        name: Name of the file.
    """
    declared = source.csv or CsvDialect()
    suffixes = [suffix.lower() for suffix in PurePath(name).suffixes]
    delimiter = declared.delimiter or ("\t" if any(suffix in _TABBED for suffix in suffixes) else ",")
    return CsvDialect(**{**vars(declared), "delimiter": delimiter})


class CsvInput:
    """A CSV file that can be read several times.

    Args:
        file: The file, or its path.
        name: Its name, whose suffix tells the compression.
        source: Declares the dialect.
        is_head: Whether only the first rows are wanted.

    Attributes:
        dialect: How the file is written.
        is_cut: Whether only the first bytes were read, and there are others.
    """

    def __init__(self, file: Path | IO[bytes], name: str, source: Source, is_head: bool = False) -> None:
        self.file, self.name, self.source, self.is_head = file, name, source, is_head
        self.dialect = dialect_of(source, name)
        self.is_cut = False

    def parse_options(self) -> Any:
        """Arrow's options for parsing.

        A quoted value may span lines. Without the option, Arrow cuts its blocks of 1 MiB inside such a value.
        """
        dialect = self.dialect
        return pyarrow.csv.ParseOptions(
            delimiter=dialect.delimiter,
            quote_char=dialect.quote or False,
            escape_char=dialect.escape or False,
            double_quote=dialect.escape is None,
            newlines_in_values=True,
        )

    def read_options(self) -> Any:
        """Arrow's options for lines and names."""
        dialect, header = self.dialect, self.dialect.header
        return pyarrow.csv.ReadOptions(
            skip_rows=dialect.skip_rows,
            encoding="utf8" if dialect.comment else _arrow_name(dialect.encoding),
            column_names=list(header) if isinstance(header, tuple) else None,
            autogenerate_column_names=header is False,
        )

    @contextmanager
    def open(self) -> Iterator[Any]:
        """The text, from its beginning.

        Raises:
            FirelibError: A zip archive contains no file, or several.
            UnicodeDecodeError: The text does not have the encoding.
            OSError: The compressed data are damaged.
        """
        if self.is_head:
            yield self._without_comments(io.BytesIO(self._head))
        else:
            with self._open_unpacked() as stream:
                yield self._without_comments(stream)

    @cached_property
    def _head(self) -> bytes:
        """The first bytes of the text, up to the end of a line."""
        with self._open_unpacked() as stream:
            content = bytes(stream.read(_HEAD_BYTES))
        self.is_cut = len(content) == _HEAD_BYTES
        return _cut(content, self.dialect.encoding) if self.is_cut else content

    @contextmanager
    def _open_unpacked(self) -> Iterator[Any]:
        suffix = PurePath(self.name).suffix.lower()
        if suffix == ".zip":
            try:
                with zipfile.ZipFile(self.file) as archive, archive.open(self._only_file(archive)) as file:
                    yield file
            except zipfile.BadZipFile as error:
                raise OSError(str(error)) from error
        else:
            opened = str(self.file) if isinstance(self.file, Path) else self.file
            with pa.input_stream(opened, compression=CODECS.get(suffix)) as stream:
                yield stream

    def _only_file(self, archive: zipfile.ZipFile) -> str:
        names = [info.filename for info in archive.infolist() if not info.is_dir()]
        if len(names) != 1:
            raise FirelibError(
                f"expected 1 file in {self.name}, got {len(names)}",
                where=f"source {self.source}",
                remedy="unpack the archive, and name one of its files as the source",
            )
        return names[0]

    def _without_comments(self, stream: Any) -> Any:
        if self.dialect.comment is None:
            return stream
        text = codecs.getincrementaldecoder(self.dialect.encoding)().decode(bytes(stream.read()))
        return io.BytesIO(remove_comments(text, self.dialect).encode())


def is_utf8(encoding: str) -> bool:
    """Whether Arrow reads an encoding itself: it checks UTF-8, with or without a byte order mark."""
    return codecs.lookup(encoding).name in ("utf-8", "utf-8-sig")


def _arrow_name(encoding: str) -> str:
    return "utf8" if is_utf8(encoding) else encoding


def _cut(content: bytes, encoding: str) -> bytes:
    """The complete lines of the first bytes of a text. In UTF-16, a byte 10 may be half of another character."""
    if "\n".encode(encoding) == b"\n":
        return content[: content.rfind(b"\n") + 1 or None]
    text = codecs.getincrementaldecoder(encoding)().decode(content)
    return text[: text.rfind("\n") + 1 or None].encode(encoding)
