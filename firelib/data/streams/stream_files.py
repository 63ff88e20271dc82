"""Open the rows of raw files as a stream, with the types that all values of all files have."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import pyarrow as pa

from firelib.data.file_sets.combine import cast_texts, combine_tables, find_conflicts, with_point
from firelib.data.formats.declared_types import cast_to_declared
from firelib.data.formats.lake_types import check_names
from firelib.data.formats.read import TypeRules, as_text, detect, read_raw_files
from firelib.data.sources.raw_file import RawFiles
from firelib.data.streams.open_files import OPENERS, OpenedFiles, open_files
from firelib.data.streams.row_stream import RowStream
from firelib.data.streams.type_scan import TypeScan
from firelib.errors import FirelibError
from firelib.recipe import Recipe, Source

_WHOLE_BYTES = 4 * 2**20  # fewer bytes are read at once


def stream_raw_files(raw: RawFiles, source: Source, recipe: Recipe, table: str) -> RowStream:
    """The rows of raw files: those that `read_raw_files` gives, in batches.

    Args:
        raw: The files on this machine.
        source: Where they come from, with its format, types and options.
        recipe: Its string features and its key decide the types of columns that a format would infer.
        table: Name of the table, for errors.

    Raises:
        FirelibError: As for `read_raw_files`; wrong values in later rows are found when these are read.
    """
    kind = detect(raw, source)
    size = sum(file.path.stat().st_size for file in raw.files)
    if kind.name not in OPENERS or size <= _WHOLE_BYTES:
        return RowStream.of_table(read_raw_files(raw, source, recipe, table))
    types = TypeRules(source, recipe, kind.infers_types)
    where = f"table {table!r}, source {source}"
    typed = replace(source, types=types.for_reader)
    opened = open_files(kind, raw, typed, types.looked_at, where)
    rows = opened.rows(opened.schemas[0]) if len(raw.files) == 1 else _combine(opened, where)
    check_names(rows.schema.names, where)
    apply = types.for_batches(opened.texts, f"{where} ({raw.where})")
    return rows.map(apply(rows.schema.empty_table()).schema, apply)


def _combine(opened: OpenedFiles, where: str) -> RowStream:
    """The rows of several files with common types, as `combine_tables` gives them."""
    source, names = opened.source, [file.name for file in opened.raw.files]
    kinds: Mapping[str, pa.DataType] = {}
    conflicts = find_conflicts(_empty(opened.schemas), names, source) if opened.kind.infers_types else []
    if conflicts:
        opened = opened.reopen(as_text(source, conflicts))
        kinds = _infer_together(opened, conflicts)
    adapt = {schema: partial(cast_texts, kinds=kinds, source=source) for schema in set(opened.schemas)}
    tables = [adapt[schema](table) for schema, table in zip(opened.schemas, _empty(opened.schemas), strict=True)]
    combine = partial(combine_tables, source=source, where=where, has_integers=opened.kind.has_integers)
    schema = combine(tables, names).schema
    return opened.rows(schema, partial(_adapt, adapt=adapt, schema=schema, source=source, where=where))


def _empty(schemas: Sequence[pa.Schema]) -> list[pa.Table]:
    """A table without rows for each schema; equal schemas share one."""
    made = {schema: schema.remove_metadata().empty_table() for schema in set(schemas)}
    return [made[schema] for schema in schemas]


def _infer_together(opened: OpenedFiles, columns: Sequence[str]) -> dict[str, pa.DataType]:
    """Column → the type that its values in all files have."""
    scans = {column: TypeScan() for column in columns}
    for name, texts in opened.read_columns(columns):
        scans[name].add(with_point(texts, opened.source))
    return {column: scan.inferred or pa.string() for column, scan in scans.items()}


def _adapt(
    table: pa.Table,
    adapt: Mapping[pa.Schema, Callable[[pa.Table], pa.Table]],
    schema: pa.Schema,
    source: Source,
    where: str,
) -> pa.Table:
    """The rows of one file with the types that the rows of all have."""
    table = adapt[table.schema](table).replace_schema_metadata(None)
    declared = {
        name: kind
        for name, kind in source.types.items()
        if name in table.column_names and table.schema.field(name).type != schema.field(name).type
    }
    table = cast_to_declared(table, replace(source, types=declared), where)
    columns = [_column(table, field, where) for field in schema]
    return pa.table(columns, schema=schema)


def _column(table: pa.Table, field: pa.Field, where: str) -> pa.ChunkedArray:
    """A column with its common type; nulls if the file lacks it."""
    if field.name not in table.column_names:
        return pa.chunked_array([pa.nulls(table.num_rows, field.type)])
    try:
        return table[field.name].cast(field.type)
    except pa.ArrowInvalid as error:
        raise FirelibError(
            f"the files have different columns:\ncolumn {field.name!r} is {field.type} in others: {error}",
            where=where,
            remedy=f"correct the files, or declare a type that holds the values of all: "
            f"types={{{field.name!r}: 'string'}}",
        ) from None
