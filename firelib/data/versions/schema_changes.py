"""Columns that one of two versions of a table lacks, or has with another type."""

from collections.abc import Iterator
from dataclasses import dataclass

from firelib.data.lake import TableRecord

_OBJECT = "struct<"


@dataclass(frozen=True)
class ColumnChange:
    """What has become of a column.

    Attributes:
        table: Name of the table.
        column: Name of the column; of a field of objects, `<column>.<field>`.
        before: Its type in the first version; None if that lacks the column.
        after: Its type in the second version; None if that lacks the column.
    """

    table: str
    column: str
    before: str | None
    after: str | None


def compare_schemas(table: str, before: TableRecord, after: TableRecord) -> list[ColumnChange]:
    """The columns that differ; of columns of objects, the fields that differ.

    Args:
        table: Name of the table.
        before: Its entry in the first lake.json.
        after: Its entry in the second lake.json.
    """
    names = dict.fromkeys([*before.columns, *after.columns])
    pairs = ((name, before.columns.get(name), after.columns.get(name)) for name in names)
    return [ColumnChange(table, *each) for pair in pairs for each in _compare(*pair)]


def _compare(name: str, before: str | None, after: str | None) -> Iterator[tuple[str, str | None, str | None]]:
    """The column, if it differs; of two objects, each field that differs."""
    if before == after:
        return
    if not (before and after and before.startswith(_OBJECT) and after.startswith(_OBJECT)):
        yield name, before, after
        return
    first, second = _parse_fields(before), _parse_fields(after)
    for field in dict.fromkeys([*first, *second]):
        yield from _compare(f"{name}.{field}", first.get(field), second.get(field))


def _parse_fields(kind: str) -> dict[str, str]:
    """Field → type, of a type such as `struct<city: string, at: struct<x: double>>`."""
    fields = kind.removeprefix(_OBJECT).removesuffix(">")
    parts = (part.partition(": ") for part in _split(fields)) if fields else ()
    return {field: inner for field, _, inner in parts}


def _split(fields: str) -> Iterator[str]:
    """Parts between commas that no bracket encloses."""
    depth, start = 0, 0
    for index, character in enumerate(fields):
        depth += (character in "<([") - (character in ">)]")
        if fields.startswith(", ", index) and not depth:
            yield fields[start:index]
            start = index + 2
    yield fields[start:]
