"""What identifies a row, and which splits suit the table."""

from collections.abc import Sequence
from itertools import combinations

import pyarrow as pa

from firelib.scaffold.columns import Column, Kind
from firelib.scaffold.features import looks_like_id

_KEYS = (Kind.INTEGER, Kind.TEXT, Kind.TIME)
_MOST_CANDIDATES = 6  # columns whose pairs are tried
_LONGEST_KEY = 128  # bytes
_MOST_ROWS_FOR_PAIRS = 20_000_000


def find_key(columns: Sequence[Column], table: pa.Table) -> tuple[str, ...]:
    """Find the columns that identify a row.

    Args:
        columns: Figures of the columns that may be part of the key, without the label.
        table: The rows.

    Returns:
        A column whose values are unique and that names rows, or a pair of such columns that is unique; empty if rows
        must be numbered.
    """
    possible = [column for column in columns if column.kind in _KEYS and not column.missing and _is_short(column)]
    single = [column for column in possible if column.is_unique and _names_rows(column)]
    if single:
        return (min(single, key=lambda column: not looks_like_id(column.name)).name,)
    if table.num_rows > _MOST_ROWS_FOR_PAIRS:
        return ()
    parts = [
        column
        for column in possible
        if 1 < column.distinct < column.rows and (column.kind is Kind.TIME or looks_like_id(column.name))
    ]
    for pair in combinations(parts[:_MOST_CANDIDATES], 2):
        if pair[0].distinct * pair[1].distinct >= table.num_rows and _is_unique(pair, table):
            return tuple(column.name for column in pair)
    return ()


def find_time(columns: Sequence[Column]) -> str | None:
    """Find a column with the time of each row: the one with the most distinct times."""
    times = [column for column in columns if column.kind is Kind.TIME and not column.missing and column.distinct >= 10]
    return max(times, key=lambda column: column.distinct).name if times else None


def _is_short(column: Column) -> bool:
    return column.kind is not Kind.TEXT or column.longest <= _LONGEST_KEY


def _names_rows(column: Column) -> bool:
    """Whether a unique column is a name, not a measurement that happens to be unique."""
    if column.kind is Kind.INTEGER:
        return looks_like_id(column.name) or column.is_increasing
    return column.rows > 1 and (column.kind is Kind.TIME or column.words <= 2 or looks_like_id(column.name))


def _is_unique(pair: Sequence[Column], table: pa.Table) -> bool:
    keys = table.select([column.name for column in pair]).rename_columns(["a", "b"])
    return bool(keys.group_by(["a", "b"]).aggregate([]).num_rows == table.num_rows)
