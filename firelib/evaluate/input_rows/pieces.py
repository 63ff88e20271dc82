"""Cut a large file of rows into files of the same format, so that memory does not grow with the file."""

import csv
import io
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from firelib.data.formats.csv import CSV
from firelib.data.formats.csv_input import CODECS, dialect_of
from firelib.data.formats.format import Format
from firelib.data.formats.parquet import PARQUET
from firelib.recipe import Source
from firelib.recipe.csv_dialect import CsvDialect

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")  # a line's end has two bytes


def cut_file(path: Path, kind: Format, size: int | None, source: Source) -> Iterator[Path]:
    """Cut a CSV or Parquet file into pieces of whole rows.

    Args:
        path: The file.
        kind: Its format. A file of another format, a zip archive, and a Parquet file with INT96 are not cut.
        size: About the number of bytes in a piece, before compression; None does not cut.
        source: Declares how the file is read.

    Yields:
        The file itself if it is not cut; otherwise one piece after the other, each of which exists until the next.
        A piece has the name of the file, without the suffix of its compression: the name tells delimiter and format.
    """
    if size is not None and kind is CSV and path.suffix.lower() != ".zip":
        yield from _cut_csv(path, size, dialect_of(source, path.name))
    elif size is not None and kind is PARQUET:
        yield from _cut_parquet(path, size)
    else:
        yield path


def _cut_parquet(path: Path, size: int) -> Iterator[Path]:
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError):  # the reader explains it
        yield path
        return
    with file:
        meta = file.metadata
        total = sum(meta.row_group(index).total_byte_size for index in range(meta.num_row_groups))
        if total <= size or any(column.physical_type == "INT96" for column in _leaves(file)):
            yield path
            return
        with tempfile.TemporaryDirectory() as folder:
            piece = Path(folder) / "rows.parquet"
            for batch in file.iter_batches(max(1, meta.num_rows * size // total)):
                pq.write_table(pa.Table.from_batches([batch]), piece, compression="none")
                yield piece


def _leaves(file: pq.ParquetFile) -> Iterator[Any]:
    return (file.schema.column(index) for index in range(len(file.schema)))


def _cut_csv(path: Path, size: int, dialect: CsvDialect) -> Iterator[Path]:
    read = partial(_read_records, delimiter=str(dialect.delimiter))
    with _open(path) as file, tempfile.TemporaryDirectory() as folder:
        header = read(file, 1)
        block = read(file, size)
        following = read(file, size)
        if not following or header.startswith(_UTF_16):
            yield path
            return
        piece = Path(folder) / (path.stem if path.suffix.lower() in CODECS else path.name)
        while block:
            piece.write_bytes(header + block)
            yield piece
            block, following = following, read(file, size)


def _open(path: Path) -> IO[bytes]:
    """The unpacked bytes of a file; its suffix tells the compression."""
    stream: Any = pa.input_stream(str(path), compression=CODECS.get(path.suffix.lower()))
    return io.BufferedReader(stream)


def _read_records(file: IO[bytes], size: int, delimiter: str) -> bytes:
    """Read whole records of CSV, at least `size` bytes if the file has them; a quoted value may span lines."""
    block = file.read(size) + file.readline()
    if b'"' not in block:
        return block
    csv.field_size_limit(sys.maxsize)
    taken = io.BytesIO()

    def lines() -> Iterator[str]:
        for line in chain(io.BytesIO(block), iter(file.readline, b"")):
            taken.write(line)
            yield line.decode("latin-1")  # keeps every byte

    try:
        for _ in csv.reader(lines(), delimiter=delimiter):
            if taken.tell() >= len(block):
                break
    except csv.Error:  # such as lines that end with a carriage return: no cut
        return taken.getvalue() + block[taken.tell() :] + file.read()
    return taken.getvalue()
