"""Columns that one of two versions of a table lacks, or has with another type."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from firelib.data.lake import TableRecord


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
    first, second = (_flatten(record.columns) for record in (before, after))
    changes = [
        ColumnChange(table, name, first.get(name), second.get(name)) for name in dict.fromkeys([*first, *second])
    ]
    return [change for change in changes if change.before != change.after]


def _flatten(columns: Mapping[str, str]) -> dict[str, str]:
    return {name: kind for column, kind in columns.items() for name, kind in _list_fields(column, kind)}


def _list_fields(name: str, kind: str) -> Iterator[tuple[str, str]]:
    """The fields of a type such as `struct<city: string, at: struct<x: double>>`; other types have themselves."""
    if not kind.startswith("struct<"):
        yield name, kind
        return
    for part in _split(kind.removeprefix("struct<").removesuffix(">")):
        field, _, inner = part.partition(": ")
        yield from _list_fields(f"{name}.{field}", inner)


def _split(fields: str) -> Iterator[str]:
    """Parts between commas that no bracket encloses."""
    depth, start = 0, 0
    for index, character in enumerate(fields):
        depth += (character in "<([") - (character in ">)]")
        if fields.startswith(", ", index) and not depth:
            yield fields[start:index]
            start = index + 2
    yield fields[start:]
