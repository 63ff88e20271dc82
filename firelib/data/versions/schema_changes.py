"""Columns that one of two versions of a table lacks, or has with another type."""

from dataclasses import dataclass

from firelib.data.lake import TableRecord


@dataclass(frozen=True)
class ColumnChange:
    """What has become of a column.

    Attributes:
        table: Name of the table.
        column: Name of the column.
        before: Its type in the first version; None if that lacks the column.
        after: Its type in the second version; None if that lacks the column.
    """

    table: str
    column: str
    before: str | None
    after: str | None


def compare_schemas(table: str, before: TableRecord, after: TableRecord) -> list[ColumnChange]:
    """The columns that differ.

    Args:
        table: Name of the table.
        before: Its entry in the first lake.json.
        after: Its entry in the second lake.json.
    """
    names = dict.fromkeys([*before.columns, *after.columns])
    changes = [ColumnChange(table, name, before.columns.get(name), after.columns.get(name)) for name in names]
    return [change for change in changes if change.before != change.after]
