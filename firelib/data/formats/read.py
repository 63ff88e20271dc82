"""Read a raw file of any format into an Arrow table that Delta can store."""

from collections.abc import Set
from dataclasses import replace

import pyarrow as pa

from firelib.data.formats.declared_types import cast_to_declared, exact_columns, infer_exact, infer_type, text_features
from firelib.data.formats.detect import detect_format
from firelib.data.formats.format import Format
from firelib.data.formats.lake_types import INFERRED_TYPE, check_names, to_lake_types
from firelib.data.sources.raw_file import RawFile
from firelib.errors import FirelibError
from firelib.recipe import Recipe, Source


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
    kind = detect_format(source, raw.path)
    where = f"{f'table {table!r}, ' if table else ''}source {source.uri} ({raw.path})"
    exact = exact_columns(recipe) if recipe and kind.infers_types else []
    texts = text_features(recipe) if recipe and kind.infers_types else {}
    types = {**dict.fromkeys(exact, "string"), **texts, **source.types}
    content = _read(kind, raw, replace(source, types=types), where)
    check_names(content.column_names, where)
    if not is_complete:
        declared = {name: kind for name, kind in source.types.items() if name in content.column_names}
        source = replace(source, types=declared)
    content = cast_to_declared(content, source, where)
    for column in exact:
        if column in content.column_names and column not in source.types:
            index = content.column_names.index(column)
            content = content.set_column(index, column, infer_exact(content[column]))
    if is_complete:
        content = _record_inferred(content, {*exact, *texts} - set(source.types))
    return to_lake_types(content, where)


def _record_inferred(table: pa.Table, columns: Set[str]) -> pa.Table:
    """Add the type that inference would have given to the columns that stay text because of a feature or the key."""
    fields = [
        field.with_metadata({**(field.metadata or {}), INFERRED_TYPE: str(kind).encode()})
        if field.name in columns and _is_text(field.type) and (kind := infer_type(table[field.name])) is not None
        else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields, table.schema.metadata))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_binary(kind))


def _read(kind: Format, raw: RawFile, source: Source, where: str) -> pa.Table:
    try:
        return kind.read(raw.path, source)
    except (pa.ArrowInvalid, OSError) as error:  # OSError: damaged compressed data
        raise FirelibError(
            f"cannot read the file as {kind.name}: {error}",
            where=where,
            remedy=f"check that it is a {kind.name} file, or declare its format: Source(uri, format='…')",
        ) from None
