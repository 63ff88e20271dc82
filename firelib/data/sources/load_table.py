"""The table of a source of any kind: files, pictures, a database, a Delta table."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from firelib import storage
from firelib.data.databases.address import is_database
from firelib.data.databases.read import read_database
from firelib.data.formats.read import TypeRules, read_raw_files
from firelib.data.pictures.picture_file import Picture
from firelib.data.pictures.picture_table import add_pictures, folder_table
from firelib.data.sources.delta import read_delta
from firelib.data.sources.delta_address import is_delta
from firelib.data.sources.fetch import fetch
from firelib.data.sources.listed_pictures import check_picture_source, find_pictures, picture_names
from firelib.data.sources.raw_file import RawFiles, refuse_changes
from firelib.data.sources.row_sets import hash_rows, sort_rows
from firelib.data.streams.row_stream import RowStream
from firelib.data.streams.stream_files import stream_raw_files
from firelib.errors import FirelibError
from firelib.project_layout import Paths
from firelib.recipe import Recipe, Source

#: `Source.format` of a folder of pictures.
IMAGES = "images"


@dataclass(frozen=True)
class LoadedTable:
    """The rows of a source.

    Attributes:
        rows: The rows, with types of the lake.
        sha256: Hash of the source's content: of its files, or of its rows if these have no order.
        version: Version of a Delta table.
        set_aside: Rows that cannot be used → the reason: broken pictures.
        total: Number of all rows, if some are set aside.
    """

    rows: pa.Table
    sha256: str
    version: int | None = None
    set_aside: Mapping[str, str] = field(default_factory=dict)
    total: int = 0


@dataclass(frozen=True)
class OpenedTable:
    """The rows of a source, of any number.

    Attributes:
        rows: The rows, with types of the lake.
        loaded: What `LoadedTable` tells beside them; it has no rows if these are read from files.
        raw: The files, if there are any.
        where: The source, for errors.
    """

    rows: RowStream
    loaded: LoadedTable
    where: str
    raw: RawFiles | None = None

    def refuse_changes(self) -> AbstractContextManager[None]:
        """Refuse files that are written while the rows are read inside the block.

        Raises:
            FirelibError: A file is another one than was hashed.
        """
        return nullcontext() if self.raw is None else refuse_changes(self.raw, self.where)


class _Context(NamedTuple):
    source: Source
    paths: Paths
    recipe: Recipe | None
    table: str
    is_complete: bool

    @property
    def where(self) -> str:
        return f"{f'table {self.table!r}, ' if self.table else ''}source {self.source}"

    def apply_types(self, rows: pa.Table) -> pa.Table:
        """Convert columns whose types are not inferred from text."""
        rules = TypeRules(self.source, self.recipe, infers_types=False)
        return rules.apply(rows, self.where, self.is_complete)


def load_table(
    source: Source, paths: Paths, recipe: Recipe | None = None, table: str = "", is_complete: bool = True
) -> LoadedTable:
    """Fetch and read a source.

    Args:
        source: The source.
        paths: Where downloads and copies of raw files are.
        recipe: Its string features and its key decide types that a format would infer.
        table: Name of the table, for errors.
        is_complete: Whether it must have all columns that `source.types` declares. Rows to score may lack some.

    Raises:
        FirelibError: The source cannot be fetched or read, or has another hash than declared.
    """
    context = _Context(source, paths, recipe, table, is_complete)
    return _find_loader(source)(context)


def open_table(source: Source, paths: Paths, recipe: Recipe, table: str) -> OpenedTable:
    """Fetch a source and open its rows. Rows of files are read in batches, others are in memory.

    Args:
        source: The source.
        paths: As for `load_table`.
        recipe: As for `load_table`.
        table: Name of the table, for errors.

    Raises:
        FirelibError: As for `load_table`. Values that do not have their type are found when the rows are read.
    """
    context = _Context(source, paths, recipe, table, is_complete=True)
    loader = _find_loader(source)
    if loader is not _load_files:
        loaded = loader(context)
        return OpenedTable(RowStream.of_table(loaded.rows), loaded, context.where)
    raw = fetch(source, paths.downloads, paths.sources)
    with refuse_changes(raw, context.where):
        rows = stream_raw_files(raw, source, recipe, table)
    return OpenedTable(rows, LoadedTable(rows.schema.empty_table(), raw.sha256), context.where, raw)


def _find_loader(source: Source) -> Callable[[_Context], LoadedTable]:
    if is_database(str(source)):
        return _load_database
    if is_delta(source):
        return _load_delta
    if source.format == IMAGES:
        return _load_pictures
    return _load_listed_pictures if source.images else _load_files


def _load_files(context: _Context) -> LoadedTable:
    raw = fetch(context.source, context.paths.downloads, context.paths.sources)
    rows = read_raw_files(raw, context.source, context.recipe, context.table, context.is_complete)
    return LoadedTable(rows, raw.sha256)


def _load_database(context: _Context) -> LoadedTable:
    return _as_set(read_database(context.source), context)


def _load_delta(context: _Context) -> LoadedTable:
    rows, version = read_delta(context.source)
    return replace(_as_set(rows, context), version=version)


def _as_set(rows: pa.Table, context: _Context) -> LoadedTable:
    """Rows in a deterministic order, since the source gives them in any order."""
    typed = context.apply_types(rows)
    ordered = sort_rows(typed, context.recipe.key if context.recipe else ())
    sha256, expected = hash_rows(ordered), context.source.total_sha256
    if expected and sha256 != expected.lower():
        raise FirelibError(
            f"expected rows with sha256 {expected}, got {sha256}",
            where=context.where,
            remedy="the source has changed: check its rows, then put their sha256 into the recipe",
        )
    return LoadedTable(ordered, sha256)


def _load_pictures(context: _Context) -> LoadedTable:
    raw = fetch(context.source, context.paths.downloads, context.paths.sources)
    pictures = folder_table(raw.files)
    rows = context.apply_types(pictures.rows)
    return LoadedTable(rows, raw.sha256, set_aside=pictures.set_aside, total=pictures.total)


def _load_listed_pictures(context: _Context) -> LoadedTable:
    source = context.source
    raw = fetch(source, context.paths.downloads, context.paths.sources)
    check_picture_source(source, raw.files)
    rows = read_raw_files(raw, source, context.recipe, context.table, context.is_complete)
    names = picture_names(rows, source, context.where)
    found = find_pictures(names, raw.files[0].path, source, context.paths.downloads)
    pictures = add_pictures(rows, names, found)
    hashes = [[name, _hash_picture(picture)] for name, picture in zip(names, found, strict=True)]
    sha256 = storage.sha256_json([raw.sha256, *hashes])
    return LoadedTable(pictures.rows, sha256, set_aside=pictures.set_aside, total=pictures.total)


def _hash_picture(found: Path | Picture) -> str | None:
    with suppress(OSError, ValueError):  # it is missing, or its name is none of a file
        return storage.sha256_file(found) if isinstance(found, Path) and found.is_file() else None
    return None
