"""Stage `extract`: sources -> Delta tables and lake.json. A second run changes nothing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from firelib import storage
from firelib.console import Advance, note, progress
from firelib.data.delta_tables import (
    OpenTables,
    append_part,
    build_table_record,
    check_table_paths,
    count_rows,
    read_part_hashes,
)
from firelib.data.file_sets.partitions import shorten
from firelib.data.formats.declared_types import text_features
from firelib.data.formats.lake_types import INFERRED_TYPE, drop_inferred_types
from firelib.data.formats.missing_markers import MarkerScan
from firelib.data.lake import Lake, TableRecord, read_lake
from firelib.data.parts.part import Part, check_rows_are_conserved, split_into_parts
from firelib.data.parts.row_store import RowStore
from firelib.data.sources.checks import check_source
from firelib.data.sources.load_table import LoadedTable, open_table
from firelib.data.streams.row_stream import RowStream
from firelib.data.versions.schema_evolution import check_evolution
from firelib.data.versions.superseded_table import supersede_table
from firelib.errors import FirelibError, did_you_mean
from firelib.project_layout import Paths
from firelib.recipe import Recipe, Source


def extract(recipe: Recipe, paths: Paths) -> Lake:
    """Bring every source of a recipe into the lake and pin the lake in lake.json.

    Args:
        recipe: Names the sources.
        paths: Where the lake, the downloads and lake.json are.

    Returns:
        The content of lake.json.

    Raises:
        FirelibError: A source cannot be read (see `check_sources`), or the path of its table is not usable: checked
            before any is fetched. Or a source cannot be fetched, or its content is invalid.
    """
    lake = _fill_lake(recipe, paths)
    lake.write(paths.lake_json)
    return lake


def ensure_lake(recipe: Recipe, paths: Paths, tables: OpenTables | None = None) -> Lake:
    """The lake that lake.json pins; a missing or different lake is extracted again.

    Git and DVC restore lake.json, but not the lake.

    Args:
        recipe: Names the sources.
        paths: Where the lake, the downloads and lake.json are.
        tables: Keeps the tables that are opened, for later use.

    Returns:
        The content of lake.json.

    Raises:
        FirelibError: lake.json is missing, or the sources no longer give the lake that it pins.
    """
    pinned = read_lake(paths.lake_json)
    check_table_paths(paths.lake, pinned.tables)
    tables = tables or OpenTables(paths.lake)
    missing = [name for name, record in pinned.tables.items() if not tables.has_parts(name, record)]
    if not missing:
        return pinned
    note(f"extracting again: the lake lacks versions of {', '.join(missing)} that lake.json pins")
    tables.forget()
    rebuilt = _fill_lake(recipe, paths)
    changed = sorted(
        name for name, record in rebuilt.tables.items() if not record.is_same_data(pinned.tables.get(name))
    )
    if changed or rebuilt.tables.keys() != pinned.tables.keys():
        raise FirelibError(
            f"the sources of {', '.join(changed) or 'the recipe'} have changed since lake.json was written",
            where=str(paths.lake_json),
            remedy="run firelib extract to accept the new sources, or git checkout and dvc checkout to restore the old",
        )
    return pinned


def _fill_lake(recipe: Recipe, paths: Paths) -> Lake:
    check_sources(recipe, paths)
    check_table_paths(paths.lake, recipe.sources)
    before = _read_previous(paths)
    records = {}
    with progress("extract", len(recipe.sources)) as advance:
        for done, (name, source) in enumerate(recipe.sources.items()):
            advance(done, note=name)
            run = _Progress(name, done, advance, before)
            records[name] = _extract_table(name, source, recipe, paths, run)
        advance(len(recipe.sources))
    return Lake(recipe=recipe.name, tables=records)


@dataclass(frozen=True)
class _Progress:
    """What an extract has done before a table.

    Attributes:
        name: Name of the table.
        done: Number of tables that are done.
        advance: Shows the progress.
        before: The tables of the lake.json that is being replaced.
    """

    name: str
    done: int
    advance: Advance
    before: Mapping[str, TableRecord]

    def report(self, share: float, rows: int, nbytes: int) -> None:
        """Show how much of the table was read: its share, rows, and bytes of the source."""
        self.advance(self.done + share, note=f"{self.name}: {rows:,} rows, {nbytes / 2**20:,.0f} MiB")


def check_sources(recipe: Recipe, paths: Paths) -> None:
    """Refuse sources that cannot be read, all at once, before any is fetched.

    Args:
        recipe: Names the sources.
        paths: Where copies of raw files are.

    Raises:
        FirelibError: A source has an unknown scheme or format, an option that it does not take, no files, or a database
            without its table; or an extra is missing.
    """
    errors: dict[str, FirelibError] = {}
    for name, source in recipe.sources.items():
        try:
            check_source(source, paths.sources)
        except FirelibError as error:
            errors[name] = error
    if errors:
        raise FirelibError(
            "\n".join(f"source {name!r} ({recipe.sources[name]}): {error.what}" for name, error in errors.items()),
            where=f"recipe {recipe.name!r}: sources",
            remedy="; ".join(dict.fromkeys(str(error.remedy) for error in errors.values())),
        )


def _read_previous(paths: Paths) -> Mapping[str, TableRecord]:
    """The entries of the lake.json that the extract replaces, as far as it can be read."""
    try:
        return read_lake(paths.lake_json).tables
    except FirelibError:
        return {}


def _extract_table(name: str, source: Source, recipe: Recipe, paths: Paths, run: "_Progress") -> TableRecord:
    table = open_table(source, paths, recipe, name)
    schema = table.rows.schema
    _check_columns(name, schema, source)
    _note_texts(name, schema)
    reader = _Reader(table.rows, MarkerScan(_undeclared_texts(schema, source, recipe)), run)
    with RowStore(_scratch_folder(paths)) as store:
        with table.refuse_changes():
            parts = split_into_parts(reader, source.commit_by, f"table {name!r}, source {source}: commit_by", store)
        _check_rows(name, reader.num_rows, source)
        _note_set_aside(name, table.loaded, reader.num_rows)
        _note_markers(name, reader.markers.found, source)
        record = build_table_record(str(source), table.loaded.sha256, schema, parts)
        check_evolution(name, source, recipe, run.before.get(name), record)
        added = _append_new_parts(name, storage.join(paths.lake, name), parts)
    versions = "1 version" if len(parts) == 1 else f"{len(parts)} versions"
    note(f"  {name}: {record.rows:,} rows, {versions}, {f'{added} new' if added else 'nothing new'}")
    about = {"source_version": table.loaded.version, "set_aside": len(table.loaded.set_aside)}
    return record.model_copy(update=about)


class _Reader:
    """The rows of a source, without what inference says: that depends on all rows, and versions must not.

    Attributes:
        schema: Their schema.
        num_rows: Number of rows that were read.
        markers: Strings in them that may stand for a missing value.
    """

    def __init__(self, rows: RowStream, markers: MarkerScan, run: "_Progress") -> None:
        self.schema, self.num_rows, self.markers = drop_inferred_types(rows.schema), 0, markers
        self._rows, self._run, self._nbytes = rows.map(self.schema, self._look_at), run, 0

    def to_batches(self) -> Iterator[pa.RecordBatch]:
        """Read the rows, and report progress."""
        for batch in self._rows.to_batches(self._add_bytes):
            self.num_rows += batch.num_rows
            share = self._nbytes / self._rows.source_bytes if self._rows.source_bytes else 0.0
            self._run.report(min(share, 1.0), self.num_rows, self._nbytes)
            yield batch

    def _look_at(self, rows: pa.Table) -> pa.Table:
        self.markers.add(rows)
        return rows.cast(self.schema)

    def _add_bytes(self, nbytes: int) -> None:
        self._nbytes += nbytes


def _scratch_folder(paths: Paths) -> Path:
    """Where rows wait that do not fit into memory: beside the lake, or beside downloads if the lake is in a bucket."""
    return Path(paths.scratch if storage.is_local(paths.root) else paths.downloads)


def _check_columns(name: str, schema: pa.Schema, source: Source) -> None:
    unknown = [column for column in source.commit_by if column not in schema.names]
    if unknown:
        raise FirelibError(
            f"table {name!r} has no column {unknown[0]!r}, which commit_by names",
            where=f"source {source}",
            remedy=did_you_mean(unknown[0], schema.names),
        )


def _check_rows(name: str, rows: int, source: Source) -> None:
    if not rows:
        raise FirelibError(f"table {name!r} has no rows", where=f"source {source}", remedy="check the file")


def _note_texts(name: str, schema: pa.Schema) -> None:
    """Name the columns that stay text although inference would give another type.

    A feature or the key has their name, and may mean another table; or they hold integers that floats would round.
    """
    found = {field.name: (field.metadata or {}).get(INFERRED_TYPE) for field in schema}
    texts = [f"{column} (by inference {kind.decode()})" for column, kind in found.items() if kind]
    if texts:
        note(f"  {name}: text as it is written (a feature or key has the name, or floats round): {', '.join(texts)}")


def _undeclared_texts(schema: pa.Schema, source: Source, recipe: Recipe) -> list[str]:
    """Columns that are text although neither the source nor the recipe declares it."""
    declared = {*source.types, *text_features(recipe), *recipe.key}
    return [field.name for field in schema if pa.types.is_string(field.type) and field.name not in declared]


def _note_markers(name: str, found: Mapping[str, Sequence[str]], source: Source) -> None:
    """Name the strings that keep a column of numbers from being numbers."""
    for column, marks in found.items():
        values = ", ".join(map(repr, [*source.null_values, *marks]))
        note(
            f"  {name}: column {column!r} is text because of {', '.join(map(repr, marks))} among numbers; if that "
            f"means a missing value: Source(…, null_values=({values}))"
        )


def _note_set_aside(name: str, loaded: LoadedTable, rows: int) -> None:
    if loaded.set_aside:
        check_rows_are_conserved(loaded.total, rows + len(loaded.set_aside), f"table {name!r}: pictures")
        shown = [f"{path} ({reason})" for path, reason in loaded.set_aside.items()]
        note(f"  {name}: {len(shown)} of {len(shown) + rows} rows set aside: {shorten(shown, 10)}")


def _append_new_parts(name: str, uri: str, parts: list[Part]) -> int:
    """Commit the parts that the table lacks, and return their number; a table with other parts is superseded."""
    hashes, committed = [part.sha256 for part in parts], read_part_hashes(uri)
    if committed != hashes[: len(committed)]:
        note(f"table {name!r} no longer matches its source; renamed the old table to {supersede_table(uri)}")
        committed = []
    for version in range(len(committed), len(parts)):
        append_part(uri, parts[version], version)
    check_rows_are_conserved(sum(part.rows.num_rows for part in parts), count_rows(uri), f"table {name!r} ({uri})")
    return len(parts) - len(committed)
