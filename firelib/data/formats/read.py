"""Read raw files of any format into an Arrow table that Delta can store."""

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import pyarrow as pa

from firelib.data.file_sets.column_defaults import fill_defaults
from firelib.data.file_sets.combine import combine_tables
from firelib.data.file_sets.partitions import is_several, read_partitions
from firelib.data.formats.declared_types import cast_to_declared, exact_columns, infer_exact, infer_type, text_features
from firelib.data.formats.detect import detect_common_format, detect_format
from firelib.data.formats.format import Format
from firelib.data.formats.lake_types import INFERRED_TYPE, check_names, to_lake_types
from firelib.data.sources.raw_file import RawFile, RawFiles
from firelib.data.streams.type_scan import TypeScan
from firelib.errors import FirelibError
from firelib.recipe import Recipe, Source

_LFS_POINTER = b"version https://git-lfs.github.com/spec/"  # how such a file begins

#: Reads one file of a format.
ReadFile = Callable[[Format, RawFile, Source], pa.Table]


def read_raw_file(
    raw: RawFile, source: Source, recipe: Recipe | None = None, table: str = "", is_complete: bool = True
) -> pa.Table:
    """The table in a raw file.

    Args:
        raw: The file on this machine.
        source: Where it comes from, with its format, types and options.
        recipe: Its string features and its key decide the types of columns that a format would infer.
        table: Name of the table, for errors.
        is_complete: Whether the file must have all columns that `source.types` declares. Rows to score may lack some,
            such as the label.

    Returns:
        One row for each row of the file, with the columns that the format tells.

    Raises:
        FirelibError: The format is unknown, the file does not have it, names of columns repeat, or a column has a type
            or a value that the lake cannot store.
    """
    return read_raw_files(RawFiles((raw,), raw.sha256), source, recipe, table, is_complete)


def read_raw_files(
    raw: RawFiles,
    source: Source,
    recipe: Recipe | None = None,
    table: str = "",
    is_complete: bool = True,
    read_file: ReadFile | None = None,
) -> pa.Table:
    """The table in raw files: the rows of one after those of the other.

    Args:
        raw: The files on this machine.
        source: As for `read_raw_file`.
        recipe: As for `read_raw_file`.
        table: As for `read_raw_file`.
        is_complete: As for `read_raw_file`.
        read_file: Reads one file, if not all of its rows are wanted.

    Raises:
        FirelibError: As for `read_raw_file`; or the files have different formats, columns or types.
    """
    kind = detect(raw, source)
    types = TypeRules(source, recipe, kind.infers_types)
    where = f"{f'table {table!r}, ' if table else ''}source {source}"
    read = partial(_read_all, kind, raw, where=where, read_file=read_file or _read_whole)
    typed = replace(source, types=types.for_reader)
    reread = (lambda columns: read(as_text(typed, columns))) if kind.infers_types else None
    names = [file.name for file in raw.files]
    content = combine_tables(read(typed), names, typed, where, reread, kind.has_integers)
    return types.apply(content, f"{where} ({raw.where})", is_complete)


class TypeRules:
    """What decides the types of the columns of a table: `Source.types`, features and key, inference.

    Args:
        source: Declares types.
        recipe: Its string features and its key decide the types of columns that a format would infer.
        infers_types: Whether the format infers types.
    """

    def __init__(self, source: Source, recipe: Recipe | None, infers_types: bool) -> None:
        self._source = source
        self._exact = exact_columns(recipe) if recipe and infers_types else []
        self._texts = text_features(recipe) if recipe and infers_types else {}

    @property
    def for_reader(self) -> dict[str, str]:
        """Column → type in which a format that infers types reads it."""
        return {**dict.fromkeys(self._exact, "string"), **self._texts, **self._source.types}

    def apply(self, content: pa.Table, where: str, is_complete: bool = True) -> pa.Table:
        """Convert the columns of a table to declared types, and to types of the lake.

        Args:
            content: The table as its format gives it.
            where: The source, for errors.
            is_complete: Whether all columns with declared types must be there.

        Raises:
            FirelibError: Names of columns repeat, or a column has a type or a value that the lake cannot store, or a
                default of another type.
        """
        check_names(content.column_names, where)
        content = self._cast_to_declared(content, where, is_complete)
        for column in self._exact:
            if column in content.column_names and column not in self._source.types:
                index = content.column_names.index(column)
                content = content.set_column(index, column, _infer_exact(content[column]))
        content = fill_defaults(content, self._source, where)
        if is_complete:
            content = _record_inferred(content, self.looked_at - set(self._source.defaults))
        return to_lake_types(content, where)

    def _cast_to_declared(self, content: pa.Table, where: str, is_complete: bool = True) -> pa.Table:
        """Convert columns to the types of `Source.types`; a missing one may have a default."""
        source = self._source
        optional = source.defaults if is_complete else source.types
        declared = {
            name: kind for name, kind in source.types.items() if name in content.column_names or name not in optional
        }
        return cast_to_declared(content, replace(source, types=declared), where)

    @property
    def looked_at(self) -> set[str]:
        """Columns of text whose values decide their type, or what is noted about it."""
        return {*self._exact, *self._texts} - set(self._source.types)

    def for_batches(self, texts: Mapping[str, TypeScan], where: str) -> Callable[[pa.Table], pa.Table]:
        """What `apply` does, as a function for each batch of rows.

        Args:
            texts: Column of text → what all of its values are.
            where: The source, for errors.
        """
        exact = {name: scan.exact for name, scan in texts.items() if name in self._exact and scan.exact}
        noted = texts.keys() - exact.keys() - self._source.defaults.keys()
        inferred = {name: kind for name in noted if (kind := texts[name].inferred)}

        def apply(batch: pa.Table) -> pa.Table:
            batch = self._cast_to_declared(batch, where)
            for name, kind in exact.items():
                if is_text(batch.schema.field(name).type):
                    batch = batch.set_column(batch.column_names.index(name), name, batch[name].cast(kind))
            batch = fill_defaults(batch, self._source, where)
            return to_lake_types(_with_inferred(batch, inferred), where)

        return apply


def _infer_exact(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of text with the type that loses nothing; the name of a folder may have given an integer."""
    return infer_exact(column) if is_text(column.type) else column


def as_text(source: Source, columns: Sequence[str]) -> Source:
    """The source with some columns declared to be text."""
    return replace(source, types={**source.types, **dict.fromkeys(columns, "string")})


def _record_inferred(table: pa.Table, columns: Set[str]) -> pa.Table:
    """Add the type that inference would have given to the columns that stay text because of a feature or the key."""
    texts = [field.name for field in table.schema if field.name in columns and is_text(field.type)]
    kinds = {name: kind for name in texts if (kind := infer_type(table[name])) is not None}
    return _with_inferred(table, kinds)


def _with_inferred(table: pa.Table, kinds: Mapping[str, pa.DataType | None]) -> pa.Table:
    fields = [
        field.with_metadata({**(field.metadata or {}), INFERRED_TYPE: str(kinds[field.name]).encode()})
        if field.name in kinds and is_text(field.type)
        else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields, table.schema.metadata))


def is_text(kind: pa.DataType) -> bool:
    """Whether values are text or bytes."""
    return bool(pa.types.is_string(kind) or pa.types.is_binary(kind))


def detect(raw: RawFiles, source: Source) -> Format:
    """The format of all files.

    Raises:
        FirelibError: It is unknown, or the files have several.
    """
    if is_several(raw.files, source):
        detect_common_format(source, [file.name for file in raw.files])
        return detect_format(source, raw.files[0].path, raw.files[0].name)
    return detect_format(source, raw.files[0].path)


def _read_all(kind: Format, raw: RawFiles, source: Source, where: str, read_file: ReadFile) -> list[pa.Table]:
    """Read each file, and add the columns that the names of its folders give."""
    partitions = read_partitions(raw.files, source, where)
    tables = []
    for file, values in zip(raw.files, partitions, strict=True):
        content = _read(kind, file, source, f"{where} ({file.path})", read_file)
        if len(raw.files) > 1 or values:
            check_names([*content.column_names, *values], f"{where} ({file.path})")
        for name, value in values.items():
            content = content.append_column(name, pa.repeat(value, content.num_rows))
        tables.append(content)
    return tables


def _read_whole(kind: Format, file: RawFile, source: Source) -> pa.Table:
    return kind.read(file.path, source)


def _read(kind: Format, raw: RawFile, source: Source, where: str, read_file: ReadFile) -> pa.Table:
    with explain_unreadable(kind, raw, where):
        return read_file(kind, raw, source)


@contextmanager
def explain_unreadable(kind: Format, raw: RawFile, where: str) -> Iterator[None]:
    """Say what is wrong with a file if its reader does not accept it.

    Args:
        kind: The format.
        raw: The file.
        where: The source, for errors.

    Raises:
        FirelibError: The file is empty, a pointer of Git LFS, or does not have the format.
    """
    try:
        yield
    except (pa.ArrowInvalid, OSError, EOFError) as error:  # OSError: damaged compressed data
        if raw.path.is_file() and not raw.path.stat().st_size:
            raise FirelibError(
                "the file is empty", where=where, remedy="write it again, or name another file"
            ) from None
        if _is_lfs_pointer(raw):
            raise FirelibError(
                "the file is a pointer of Git LFS, not the data", where=where, remedy="run git lfs pull"
            ) from None
        raise FirelibError(
            f"cannot read the file as {kind.name}: {error}",
            where=where,
            remedy=f"check that it is a {kind.name} file, or declare its format: Source(uri, format='…')",
        ) from None


def _is_lfs_pointer(raw: RawFile) -> bool:
    """Whether a clone without Git LFS has left a pointer instead of the file."""
    if not raw.path.is_file():
        return False
    with raw.path.open("rb") as file:
        return file.read(len(_LFS_POINTER)) == _LFS_POINTER
