"""Open several files of one format: small ones many at a time, large ones block by block."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from firelib.data.file_sets.partitions import read_partitions
from firelib.data.formats.format import Format
from firelib.data.formats.lake_types import check_names
from firelib.data.formats.read import explain_unreadable, is_text
from firelib.data.sources.raw_file import RawFile, RawFiles
from firelib.data.streams.arrow_stream import open_arrow
from firelib.data.streams.csv_stream import open_csv
from firelib.data.streams.file_stream import FileStream, OpenFile
from firelib.data.streams.json_stream import open_json
from firelib.data.streams.parquet_stream import open_parquet
from firelib.data.streams.read_ahead import Unit, read_in_order
from firelib.data.streams.row_stream import RowStream
from firelib.data.streams.type_scan import TypeScan, merge_scans
from firelib.recipe import Source

#: Name of a format → what opens its files as streams. Other formats are read as a whole.
OPENERS: Mapping[str, OpenFile] = {"arrow": open_arrow, "csv": open_csv, "json": open_json, "parquet": open_parquet}

_SMALL_BYTES = 2**20  # a file with fewer is read at once
_GROUP_BYTES = 4 * 2**20  # of small files that are read by one task
_GROUP_FILES = 256
_GROWTH = 8  # memory of rows ÷ the size of a small file


@dataclass(frozen=True)
class OpenedFiles:
    """Files whose types are known.

    Attributes:
        kind: Their format.
        raw: The files.
        source: Declares types and options.
        columns: Columns of text that are looked at.
        where: The source, for errors.
        schemas: The schema of each file; equal ones are the same object.
        texts: Column → what its values in all files are.
        large: Index of a large file → its stream.
        partitions: The values in the names of the folders of each file.
    """

    kind: Format
    raw: RawFiles
    source: Source
    columns: Collection[str]
    where: str
    schemas: Sequence[pa.Schema]
    texts: Mapping[str, TypeScan]
    large: Mapping[int, FileStream]
    partitions: Sequence[Mapping[str, pa.Scalar]]

    def reopen(self, source: Source) -> "OpenedFiles":
        """The same files with other declared types."""
        return open_files(self.kind, self.raw, source, self.columns, self.where)

    def rows(self, schema: pa.Schema, adapt: Callable[[pa.Table], pa.Table] | None = None) -> RowStream:
        """The rows of all files, in the order of the files.

        Args:
            schema: Schema of the result.
            adapt: Gives rows of a file this schema.
        """
        size = sum(file.path.stat().st_size for file in self.raw.files)
        units = self._units if adapt is None else lambda: (unit.map(adapt) for unit in self._units())
        return RowStream(schema, units, size)

    def read_columns(self, columns: Sequence[str]) -> Iterator[tuple[str, pa.ChunkedArray]]:
        """The values of some columns of all files, batch by batch, each with the column's name."""
        for table in read_in_order(self._units()):
            for name in columns:
                if name in table.column_names:
                    yield name, table[name]

    def _units(self) -> Iterator[Unit[pa.Table]]:
        for group in _group(self.raw.files, self.large):
            if group[0] in self.large:
                (index,) = group
                for unit in self.large[index].rows.open_units():
                    yield Unit(partial(self._read_unit, index, unit), unit.nbytes, unit.source_bytes)
            else:
                size = sum(self.raw.files[index].path.stat().st_size for index in group)
                yield Unit(partial(self._read_small, group), size * _GROWTH, size)

    def _read_small(self, group: Sequence[int]) -> Iterator[pa.Table]:
        """The rows of small files; tables with the same schema become one."""
        held: list[pa.Table] = []
        for index in group:
            table = self._complete(_read_whole(self.kind, self.raw.files[index], self.source, self.where), index)
            if held and held[0].schema is not table.schema and held[0].schema != table.schema:
                yield pa.concat_tables(held)
                held = []
            held.append(table)
        yield pa.concat_tables(held)

    def _read_unit(self, index: int, unit: Unit[pa.Table]) -> Iterator[pa.Table]:
        file = self.raw.files[index]
        with explain_unreadable(self.kind, file, _where(self.where, file)):
            for table in unit.read():
                yield self._complete(table, index)

    def _complete(self, table: pa.Table, index: int) -> pa.Table:
        """Add the columns that the names of folders give."""
        for name, value in self.partitions[index].items():
            table = table.append_column(name, pa.repeat(value, table.num_rows))
        return table


def open_files(kind: Format, raw: RawFiles, source: Source, columns: Collection[str], where: str) -> OpenedFiles:
    """Find the types of files.

    Args:
        kind: Their format, one of `OPENERS`.
        raw: The files.
        source: Declares types and options.
        columns: Columns of text whose values are looked at.
        where: The source, for errors.

    Raises:
        FirelibError: A file does not have the format, or names of columns repeat.
    """
    partitions = read_partitions(raw.files, source, where)
    large = _open_large(kind, raw, source, columns, where)
    opened = read_in_order(_look_at_small(kind, raw, source, columns, where, large))
    schemas: list[pa.Schema] = [pa.schema([])] * len(raw.files)
    texts = [stream.texts for stream in large.values()]
    known: dict[pa.Schema, pa.Schema] = {}
    for index, schema, scans in [*((i, each.rows.schema, {}) for i, each in large.items()), *opened]:
        for name, value in partitions[index].items():
            schema = schema.append(pa.field(name, value.type))
        if len(raw.files) > 1 or partitions[index]:
            check_names(schema.names, _where(where, raw.files[index]))
        schemas[index] = known.setdefault(schema, schema)
        texts.append(scans)
    texts.append(_look_at_partitions(partitions, columns))
    return OpenedFiles(kind, raw, source, columns, where, schemas, merge_scans(texts), large, partitions)


def _open_large(
    kind: Format, raw: RawFiles, source: Source, columns: Collection[str], where: str
) -> dict[int, FileStream]:
    large = {}
    for index, file in enumerate(raw.files):
        if file.path.stat().st_size > _SMALL_BYTES:
            with explain_unreadable(kind, file, _where(where, file)):
                opened = OPENERS[kind.name](file.path, source, columns)
            large[index] = opened or _as_one(kind, file, source, columns, where)
    return large


def _as_one(kind: Format, file: RawFile, source: Source, columns: Collection[str], where: str) -> FileStream:
    """A file that can only be read as a whole."""
    table = _read_whole(kind, file, source, where)
    return FileStream(RowStream.of_table(table), _scan(table, columns))


Look = tuple[int, pa.Schema, Mapping[str, TypeScan]]


def _look_at_small(
    kind: Format,
    raw: RawFiles,
    source: Source,
    columns: Collection[str],
    where: str,
    large: Collection[int],
) -> Iterator[Unit[Look]]:
    def look(group: Sequence[int]) -> Iterator[Look]:
        for index in group:
            table = _read_whole(kind, raw.files[index], source, where)
            yield index, table.schema, _scan(table, columns)

    for group in _group(raw.files, large):
        if group[0] not in large:
            size = sum(raw.files[index].path.stat().st_size for index in group)
            yield Unit(partial(look, group), size * _GROWTH, size)


def _group(files: Sequence[RawFile], large: Collection[int]) -> Iterator[list[int]]:
    """The files in order: each large one alone, small ones together."""
    group: list[int] = []
    size = 0
    for index, file in enumerate(files):
        if index in large:
            yield from ([group] if group else [])
            yield [index]
            group, size = [], 0
            continue
        size += file.path.stat().st_size
        group.append(index)
        if size > _GROUP_BYTES or len(group) == _GROUP_FILES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _read_whole(kind: Format, file: RawFile, source: Source, where: str) -> pa.Table:
    with explain_unreadable(kind, file, _where(where, file)):
        return kind.read(file.path, source)


def _scan(table: pa.Table, columns: Collection[str]) -> dict[str, TypeScan]:
    scans = {name: TypeScan() for name in columns if name in table.column_names}
    for name in list(scans):
        if is_text(table.schema.field(name).type):
            scans[name].add(table[name])
        else:
            del scans[name]
    return scans


def _look_at_partitions(partitions: Sequence[Mapping[str, pa.Scalar]], columns: Collection[str]) -> dict[str, TypeScan]:
    scans: dict[str, TypeScan] = {}
    for name in columns:
        values = [values[name] for values in partitions if name in values]
        if values and is_text(values[0].type):
            scans[name] = TypeScan()
            scans[name].add(pa.chunked_array([pa.array([value.as_py() for value in values], values[0].type)]))
    return scans


def _where(where: str, file: RawFile) -> str:
    return f"{where} ({file.path})"
