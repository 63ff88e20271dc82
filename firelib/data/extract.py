"""Stage `extract`: sources -> Delta tables + lake.json. Running it again changes nothing."""

import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from firelib import storage
from firelib.console import note, progress
from firelib.data.formats.idx import is_idx, read_idx
from firelib.data.lake import (
    Lake,
    TableRecord,
    append_part,
    committed_parts,
    holds,
    read_lake,
    set_aside,
    split_into_parts,
    table_record,
)
from firelib.data.sources.fetch import RawFile, fetch
from firelib.errors import FirelibError, did_you_mean
from firelib.project_layout import Paths
from firelib.recipe import Recipe, Source


def extract(recipe: Recipe, paths: Paths) -> Lake:
    """Bring every source of a recipe into the lake and pin it in lake.json."""
    lake = _fill(recipe, paths)
    lake.write(paths.lake_json)
    return lake


def ensure_lake(recipe: Recipe, paths: Paths) -> Lake:
    """lake.json with the lake that it pins: a lake that is not there, or is another one, is made again.

    lake.json comes and goes with git and DVC; the lake stays where it is.

    Raises:
        FirelibError: The sources no longer give what lake.json pins.
    """
    pinned = read_lake(paths.lake_json)
    missing = [name for name, record in pinned.tables.items() if not holds(storage.join(paths.lake, name), record)]
    if not missing:
        return pinned
    note(f"the lake lacks {', '.join(missing)}, which lake.json pins: extracting again")
    rebuilt = _fill(recipe, paths)
    if rebuilt != pinned:
        changed = sorted(name for name in rebuilt.tables if rebuilt.tables[name] != pinned.tables.get(name))
        raise FirelibError(
            f"the sources of {', '.join(changed) or 'the recipe'} have changed since lake.json was written",
            where=str(paths.lake_json),
            remedy="firelib extract accepts the new sources; git checkout and dvc checkout bring back the old pin",
        )
    return pinned


def _fill(recipe: Recipe, paths: Paths) -> Lake:
    records = {}
    with progress("extract", len(recipe.sources)) as advance:
        for done, (name, source) in enumerate(recipe.sources.items()):
            advance(done, note=name)
            records[name] = _extract_table(name, source, paths)
        advance(len(recipe.sources))
    return Lake(recipe=recipe.name, tables=records)


def _extract_table(name: str, source: Source, paths: Paths) -> TableRecord:
    raw = fetch(source, paths.downloads, paths.sources)
    table = read_raw(raw, source)
    unknown = [column for column in source.commit_by if column not in table.column_names]
    if unknown:
        raise FirelibError(
            f"table {name!r} has no column {unknown[0]!r} to commit by",
            where=f"source {source.uri}",
            remedy=did_you_mean(unknown[0], table.column_names),
        )
    if not table.num_rows:
        raise FirelibError(f"table {name!r} is empty", where=f"source {source.uri}", remedy="check the file")
    parts = split_into_parts(table, source.commit_by)
    uri = storage.join(paths.lake, name)
    hashes, committed = [part.sha256 for part in parts], committed_parts(uri)
    if committed != hashes[: len(committed)]:
        note(f"table {name!r} no longer matches its source; the old one is now {set_aside(uri)}")
        committed = []
    for part in parts[len(committed) :]:
        append_part(uri, part)
    added = len(parts) - len(committed)
    versions = "1 version" if len(parts) == 1 else f"{len(parts)} versions"
    note(f"  {name}: {table.num_rows:,} rows, {versions}, {f'{added} new' if added else 'nothing new'}")
    return table_record(source.uri, raw.sha256, table.schema, parts)


def read_raw(raw: RawFile, source: Source) -> pa.Table:
    """A raw file as an Arrow table: Parquet, IDX, or CSV (plain, .gz, .bz2, .zst, or the one file in a .zip)."""
    if is_idx(raw.path):
        return read_idx(raw.path, f"source {source.uri} ({raw.path})")
    try:
        table = pq.read_table(raw.path) if raw.path.suffix == ".parquet" else _read_csv(raw.path, source)
    except (pa.ArrowInvalid, zipfile.BadZipFile, OSError) as error:  # OSError: a damaged .gz
        raise FirelibError(
            f"cannot read the file: {error}", where=f"source {source.uri}", remedy="CSV, Parquet and IDX are understood"
        ) from None
    return _without_null_types(table)


def _read_csv(path: Path, source: Source) -> pa.Table:
    options = pyarrow.csv.ConvertOptions(null_values=list(source.null_values), strings_can_be_null=True)
    if path.suffix != ".zip":
        return pyarrow.csv.read_csv(path, convert_options=options)
    with zipfile.ZipFile(path) as archive:
        names = [info.filename for info in archive.infolist() if not info.is_dir()]
        if len(names) != 1:
            raise FirelibError(f"{len(names)} files in {path.name}, not one", where=source.uri, remedy="unpack it")
        with archive.open(names[0]) as file:
            return pyarrow.csv.read_csv(file, convert_options=options)


def _without_null_types(table: pa.Table) -> pa.Table:
    """A column of nulls only has no type; Delta needs one."""
    fields = [field.with_type(pa.string()) if pa.types.is_null(field.type) else field for field in table.schema]
    return table.cast(pa.schema(fields))
