"""Combine the tables of several files into one, or name the columns in which they differ."""

from collections.abc import Callable, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from firelib.data.formats.declared_types import infer_type
from firelib.data.formats.partitions import shorten
from firelib.errors import FirelibError
from firelib.recipe import Source

Tables = Sequence[pa.Table]


def combine_tables(
    tables: Tables,
    names: Sequence[str],
    source: Source,
    where: str,
    read_as_text: Callable[[Sequence[str]], Tables] | None = None,
) -> pa.Table:
    """One table with the rows of all tables, in their order.

    Args:
        tables: The tables.
        names: Name of the file of each, for errors.
        source: Says whether columns and types may differ (`union`).
        where: The source, for errors.
        read_as_text: Reads the files again with these columns as text, if their types were inferred from values.
            The types that fit the values of all files are inferred then.

    Raises:
        FirelibError: The tables have other columns or types (all are named), or types that have no common one.
    """
    if len(tables) == 1:
        return tables[0]
    tables = [table.replace_schema_metadata(None) for table in tables]
    conflicts = [column for column, found in _find_types(tables, names).items() if len(found) > 1]
    inferred = [column for column in conflicts if column not in source.types]
    if read_as_text and inferred:
        tables = _infer_together(read_as_text(inferred), inferred, source)
    problems = [] if source.union else [*_find_missing(tables, names), *_find_conflicts(tables, names)]
    if problems:
        raise _different(problems, where)
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        raise _different(list(_find_conflicts(tables, names)), where) from None


def _infer_together(tables: Tables, columns: Sequence[str], source: Source) -> Tables:
    """The tables with the types that the values of all files have."""
    present = {column: [table[column] for table in tables if column in table.column_names] for column in columns}
    kinds = {column: _infer(values, source) for column, values in present.items()}
    return [_cast(table.replace_schema_metadata(None), kinds, source) for table in tables]


def _infer(values: Sequence[pa.ChunkedArray], source: Source) -> pa.DataType:
    chunks = [chunk for column in values for chunk in column.chunks]
    return infer_type(_with_point(pa.chunked_array(chunks, pa.string()), source)) or pa.string()


def _cast(table: pa.Table, kinds: Mapping[str, pa.DataType], source: Source) -> pa.Table:
    for column, kind in kinds.items():
        if column in table.column_names:
            values = table[column] if pa.types.is_string(kind) else _with_point(table[column], source).cast(kind)
            table = table.set_column(table.column_names.index(column), column, values)
    return table


def _with_point(texts: pa.ChunkedArray, source: Source) -> pa.ChunkedArray:
    """Numbers as Arrow's casts take them: with a decimal point."""
    mark = source.csv.decimal if source.csv else "."
    return texts if mark == "." else pc.replace_substring(texts, mark, ".")


def _find_types(tables: Tables, names: Sequence[str]) -> dict[str, dict[pa.DataType, list[str]]]:
    """Column → type → files that have it. A column without values fits any type."""
    found: dict[str, dict[pa.DataType, list[str]]] = {}
    for table, name in zip(tables, names, strict=True):
        for field in table.schema:
            if not pa.types.is_null(field.type):
                found.setdefault(field.name, {}).setdefault(field.type, []).append(name)
    return found


def _find_missing(tables: Tables, names: Sequence[str]) -> list[str]:
    columns = list(dict.fromkeys(column for table in tables for column in table.column_names))
    without = {
        column: [name for table, name in zip(tables, names, strict=True) if column not in table.column_names]
        for column in columns
    }
    return [
        f"column {column!r} is missing in {len(files)} of {len(tables)} files: {shorten(files)}"
        for column, files in without.items()
        if files
    ]


def _find_conflicts(tables: Tables, names: Sequence[str]) -> list[str]:
    return [
        f"column {column!r} has different types: "
        + "; ".join(f"{kind} in {shorten(files)}" for kind, files in found.items())
        for column, found in _find_types(tables, names).items()
        if len(found) > 1
    ]


def _different(problems: Sequence[str], where: str) -> FirelibError:
    return FirelibError(
        "the files have different columns:\n" + "\n".join(problems),
        where=where,
        remedy="correct the files, choose some of them with a pattern such as parts/2013-*.csv, declare "
        "types={column: type}, or accept the differences: Source(uri, union=True)",
    )
