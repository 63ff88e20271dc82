"""Combine the tables of several files into one, or name the columns in which they differ."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from firelib.data.file_sets.partitions import shorten
from firelib.data.formats.declared_types import cast_to_declared, infer_type
from firelib.errors import FirelibError
from firelib.recipe import Source

Tables = Sequence[pa.Table]


class DifferentColumnsError(FirelibError):
    """Files of one table whose columns or types differ.

    Attributes:
        problems: Each difference: the column, and the files that lack it or the types that it has in them.
    """

    problems: Sequence[str] = ()


def combine_tables(
    tables: Tables,
    names: Sequence[str],
    source: Source,
    where: str,
    read_as_text: Callable[[Sequence[str]], Tables] | None = None,
    has_integers: bool = True,
) -> pa.Table:
    """One table with the rows of all tables, in their order.

    Args:
        tables: The tables.
        names: Name of the file of each, for errors.
        source: Says whether columns and types may differ (`union`).
        where: The source, for errors.
        read_as_text: Reads the files again with these columns as text, if their types were inferred from values.
            The types that fit the values of all files are inferred then.
        has_integers: Whether the format tells integers from other numbers; otherwise, integers become floats where
            another file has floats.

    Raises:
        DifferentColumnsError: The tables have other columns or types (all are named), or types without a common one.
    """
    if len(tables) == 1:
        return tables[0]
    tables = [table.replace_schema_metadata(None) for table in tables]
    tables = _cast_declared(tables, names, source, where)
    inferred = find_conflicts(tables, names, source)
    if read_as_text and inferred:
        tables = _infer_together(read_as_text(inferred), inferred, source)
    if not has_integers:
        tables = _widen_integers(tables, names)
    missing, conflicts = _find_missing(tables, names), _find_conflicts(tables, names)
    if not source.union and (missing or conflicts):
        raise _different(missing, conflicts, where, source)
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        raise _different([], conflicts, where, source) from None


def find_conflicts(tables: Tables, names: Sequence[str], source: Source) -> list[str]:
    """Columns in whose types the tables differ, and that have no declared type.

    Args:
        tables: The tables.
        names: Name of the file of each.
        source: Declares types.
    """
    found = _find_types(tables, names)
    return [column for column, kinds in found.items() if len(kinds) > 1 and column not in source.types]


def _cast_declared(tables: Tables, names: Sequence[str], source: Source, where: str) -> Tables:
    """The tables, with the declared types of the columns in whose types they differ."""
    differ = {column for column, found in _find_types(tables, names).items() if len(found) > 1} & set(source.types)
    if not differ:
        return tables
    cast = []
    for table, name in zip(tables, names, strict=True):
        types = {column: source.types[column] for column in differ & set(table.column_names)}
        cast.append(cast_to_declared(table, replace(source, types=types), f"{where} ({name})"))
    return cast


def _widen_integers(tables: Tables, names: Sequence[str]) -> Tables:
    numbers = {pa.int64(), pa.float64()}
    mixed = [column for column, found in _find_types(tables, names).items() if found.keys() == numbers]
    return [_to_floats(table, mixed) for table in tables]


def _to_floats(table: pa.Table, columns: Sequence[str]) -> pa.Table:
    for column in set(columns) & set(table.column_names):
        with suppress(pa.ArrowInvalid):  # floats would round: the types stay different
            table = table.set_column(table.column_names.index(column), column, table[column].cast(pa.float64()))
    return table


def _infer_together(tables: Tables, columns: Sequence[str], source: Source) -> Tables:
    """The tables with the types that the values of all files have."""
    present = {column: [table[column] for table in tables if column in table.column_names] for column in columns}
    kinds = {column: _infer(values, source) for column, values in present.items()}
    return [cast_texts(table.replace_schema_metadata(None), kinds, source) for table in tables]


def _infer(values: Sequence[pa.ChunkedArray], source: Source) -> pa.DataType:
    chunks = [chunk for column in values for chunk in column.chunks]
    return infer_type(with_point(pa.chunked_array(chunks, pa.string()), source)) or pa.string()


def cast_texts(table: pa.Table, kinds: Mapping[str, pa.DataType], source: Source) -> pa.Table:
    """Convert columns of text to the types that the values of all files have.

    Args:
        table: The table; it may lack some of the columns.
        kinds: Column → type.
        source: Declares the decimal mark.
    """
    for column, kind in kinds.items():
        if column in table.column_names:
            values = table[column] if pa.types.is_string(kind) else with_point(table[column], source).cast(kind)
            table = table.set_column(table.column_names.index(column), column, values)
    return table


def with_point(texts: pa.ChunkedArray, source: Source) -> pa.ChunkedArray:
    """Numbers as Arrow's casts take them: with a decimal point. `1.500` is no number where the mark is a comma.

    Texts with a colon are times, whose fractions have a point whatever the mark is.

    Args:
        texts: The numbers as they are written.
        source: Declares the decimal mark.
    """
    mark = source.csv.decimal if source.csv else "."
    if mark == ".":
        return texts
    exchanged = pc.replace_substring(texts, ".", "\0")
    exchanged = pc.replace_substring(pc.replace_substring(exchanged, mark, "."), "\0", mark)
    return pc.if_else(pc.match_substring(texts, ":"), texts, exchanged)


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


def _different(missing: Sequence[str], conflicts: Sequence[str], where: str, source: Source) -> DifferentColumnsError:
    problems = (*missing, *conflicts)
    if source.union:
        accept = "declare a type that holds the values of all, such as types={column: 'string'}"
    else:
        types = ", declare types={column: type}" if conflicts else ""
        accept = (
            f"choose some of them with a pattern such as parts/2013-*.csv{types}, or accept the differences: "
            "Source(uri, union=True) gives null where a file lacks a column"
        )
    error = DifferentColumnsError(
        "the files have different columns:\n" + "\n".join(problems), where=where, remedy=f"correct the files, {accept}"
    )
    error.problems = problems
    return error
