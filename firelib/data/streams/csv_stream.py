"""CSV files as streams of blocks: a first pass finds the types that all values have, a second one converts."""

from collections.abc import Collection
from functools import partial
from pathlib import Path

import pyarrow as pa

from firelib.data.formats.csv import CsvReader
from firelib.data.streams.csv_file import CsvFile
from firelib.data.streams.csv_types import find_types
from firelib.data.streams.file_stream import FileStream
from firelib.data.streams.row_stream import RowStream
from firelib.recipe import Source


def open_csv(path: Path, source: Source, columns: Collection[str]) -> FileStream | None:
    """A CSV file as a stream, with the types that `read_csv` would give the whole file.

    Args:
        path: The file.
        source: Declares dialect and types.
        columns: Columns of text that the recipe needs as they are written: what their values are is told.

    Returns:
        None if the file is empty, has comments, or repeats a name of a column.

    Raises:
        FirelibError: As for `read_csv`.
        pyarrow.ArrowInvalid: As for `read_csv`.
        OSError: As for `read_csv`.
    """
    file = CsvFile(path, source)
    if file.names is None or len(set(file.names)) < len(file.names):
        return None
    schema, texts = find_types(file, columns)
    units = partial(file.units, partial(_convert, schema=schema))
    return FileStream(RowStream(schema, units, path.stat().st_size), texts)


def _convert(reader: CsvReader, schema: pa.Schema) -> pa.Table:
    with reader.explain():
        table = reader.read_with_types(dict(zip(schema.names, schema.types, strict=True)))
    return table.cast(schema)
