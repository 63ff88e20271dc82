"""Cut the text of a CSV file into blocks of whole rows, each of which Arrow reads as a file of its own."""

import codecs
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

from firelib.data.formats.csv_input import CsvInput, is_utf8
from firelib.errors import FirelibError
from firelib.recipe.csv_dialect import CsvDialect

#: Bytes of text in a block.
BLOCK_BYTES = 8 * 2**20
_MOST_ROW_BYTES = 256 * 2**20


class CsvBlock(CsvInput):
    """Rows of a CSV file, of which only the first block has the header.

    Args:
        file: The file.
        content: Text of the block, in UTF-8 unless Arrow reads the file's encoding itself.
        names: Names of the columns; None for the first block, which has them.
    """

    def __init__(self, file: CsvInput, content: bytes, names: Sequence[str] | None) -> None:
        super().__init__(file.file, file.name, file.source)
        self.dialect = file.dialect if is_utf8(file.dialect.encoding) else _in_utf8(file.dialect)
        self.content, self._names = content, names

    def read_options(self) -> Any:
        """Arrow's options for lines and names."""
        if self._names is None:
            return super().read_options()
        return pyarrow.csv.ReadOptions(column_names=list(self._names), encoding="utf8")

    @contextmanager
    def open(self) -> Iterator[Any]:
        """The text of the block."""
        yield pa.BufferReader(self.content)


def read_blocks(file: CsvInput, size: int = BLOCK_BYTES) -> Iterator[bytes]:
    """The text of a file, in blocks that end with a row. The first one has the header.

    Args:
        file: The file; it has no comments.
        size: Number of bytes of a block, unless a row is longer.

    Raises:
        FirelibError: A row is longer than 256 MiB.
        UnicodeDecodeError: The text does not have the encoding.
        OSError: The compressed data are damaged.
    """
    cut = _RowCutter(file.dialect)
    rest, is_first = b"", True
    with file.open() as stream:
        for content in _read_text(stream, file.dialect.encoding, size):
            rest += content
            if len(rest) < size:
                continue
            end = cut.end_of_rows(rest, file.dialect.skip_rows if is_first else 0)
            if end:
                yield rest[:end]
                rest, is_first = rest[end:], False
            elif len(rest) > _MOST_ROW_BYTES:
                raise _no_row(file)
    if rest:
        yield rest


def read_known_blocks(file: CsvInput, sizes: Sequence[int], size: int = BLOCK_BYTES) -> Iterator[bytes]:
    """The blocks of `read_blocks` once more: where they end is known, so that quotes need not be looked for.

    Args:
        file: The file.
        sizes: Sizes of the blocks.
        size: Number of bytes to read at once.
    """
    rest = b""
    with file.open() as stream:
        text = _read_text(stream, file.dialect.encoding, size)
        for end in sizes:
            while len(rest) < end and (content := next(text, b"")):
                rest += content
            yield rest[:end]
            rest = rest[end:]


class _RowCutter:
    """Finds where the last whole row of a text ends."""

    def __init__(self, dialect: CsvDialect) -> None:
        self._quote, self._escape = ((sign or "").encode() for sign in (dialect.quote, dialect.escape))
        self._before_quote = np.frombuffer(f"{dialect.delimiter}\r\n".encode() + self._quote, np.uint8)
        self._row = _row_pattern(dialect)

    def end_of_rows(self, text: bytes, skipped: int) -> int:
        """Index after the last whole row, 0 if there is none.

        Args:
            text: The text.
            skipped: Number of lines above the header, in which quotes mean nothing.
        """
        start = 0
        for _ in range(skipped):
            start = text.find(b"\n", start) + 1
            if not start:
                return 0
        if not any(sign and sign in text for sign in (self._quote, self._escape)):
            end = text.rfind(b"\n", start) + 1
            return end or text.rfind(b"\r", start, len(text) - 1) + 1  # the last byte may be half of \r\n
        by_parity = self._end_by_parity(text, start)
        if by_parity is not None:
            return by_parity
        end = start
        while match := self._row.match(text, end):
            end = match.end()
        return end if end > start else 0

    def _end_by_parity(self, text: bytes, start: int) -> int | None:
        """The end of the last row, outside of which an even number of quotes lies.

        None if a quote inside an unquoted value, or an escape sign, leaves that open. It is ten times faster than the
        regular expression.
        """
        if self._escape:
            return None
        content = np.frombuffer(text, np.uint8, offset=start)
        quotes = np.flatnonzero(content == ord(self._quote))
        opening = quotes[::2]
        before = content[opening[opening > 0] - 1]
        if not np.isin(before, self._before_quote).all():
            return None
        ends = np.flatnonzero(content == ord("\n"))
        outside = ends[np.searchsorted(quotes, ends) % 2 == 0]
        return start + int(outside[-1]) + 1 if len(outside) else None


def _row_pattern(dialect: CsvDialect) -> re.Pattern[bytes]:
    """A whole row. As for Arrow, only a quote at the beginning of a value opens it.

    No possessive quantifiers: Python up to 3.11.4 matches them wrongly (https://github.com/python/cpython/issues/106052).
    """
    delimiter, quote, escape = (
        re.escape((sign or "").encode()) for sign in (dialect.delimiter, dialect.quote, dialect.escape)
    )
    escaped = b"%b." % escape if escape else None
    value = _repeat(b"[^%b%b\\r\\n]*" % (delimiter, escape), escaped)
    if quote:
        inside = _repeat(b"[^%b%b]*" % (quote, escape), escaped or quote + quote)
        closing = quote if escape else b"%b(?!%b)" % (quote, quote)
        # A quote that is never closed is not taken for an ordinary letter.
        value = b"(?:%b%b%b|(?!%b))%b" % (quote, inside, closing, quote, value)
    end = rb"(?:\r\n|\n|\r(?=[^\n]))"
    return re.compile(b"%b(?:%b%b)*%b" % (value, delimiter, value, end), re.DOTALL)


def _repeat(ordinary: bytes, special: bytes | None) -> bytes:
    """Ordinary letters with special pairs between them."""
    return ordinary if special is None else b"%b(?:%b%b)*" % (ordinary, special, ordinary)


def _read_text(stream: Any, encoding: str, size: int) -> Iterator[bytes]:
    """The text in pieces, as Arrow reads it: UTF-8 as it is, other encodings converted."""
    decoder = None if is_utf8(encoding) else codecs.getincrementaldecoder(encoding)()
    while content := bytes(stream.read(size)):
        yield content if decoder is None else decoder.decode(content).encode()
    if decoder is not None:
        yield decoder.decode(b"", final=True).encode()


def _in_utf8(dialect: CsvDialect) -> CsvDialect:
    return CsvDialect(**{**vars(dialect), "encoding": "utf-8"})


def _no_row(file: CsvInput) -> FirelibError:
    return FirelibError(
        f"expected rows of at most {_MOST_ROW_BYTES >> 20} MiB, got a longer one: a quote may not be closed",
        where=f"source {file.source}: {file.name}",
        remedy="correct the file, or declare that quotes mean nothing: Source(uri, csv=CsvDialect(quote=None))",
    )
