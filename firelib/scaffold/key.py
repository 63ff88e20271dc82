"""What identifies a row, and which splits suit the table."""

import math
from collections.abc import Iterator, Sequence
from itertools import combinations

import pyarrow as pa

from firelib.scaffold.columns import Column, Kind
from firelib.scaffold.features import looks_like_id

_KEYS = (Kind.INTEGER, Kind.TEXT, Kind.TIME)
_MOST_CANDIDATES = 6  # columns of which some are tried together
_MOST_PARTS = 3  # of a key whose columns do not look like identifiers
_CHANCE = 20  # pairs of equal rows by chance from which it is none that there are no such rows (probability e^-20)
_HEAD = 10_000  # rows that are tried first
_LONGEST_KEY = 128  # bytes
_MOST_ROWS_FOR_PAIRS = 20_000_000


def find_key(columns: Sequence[Column], table: pa.Table) -> tuple[str, ...]:
    """Find the columns that identify a row.

    Args:
        columns: Figures of the columns that may be part of the key, without the label.
        table: The rows.

    Returns:
        A column whose values are unique and that names rows; a pair of such columns that is unique; or two or three
        columns that are unique although, by chance, many rows would be equal in them, such as shop and week. Empty if
        rows must be numbered.
    """
    possible = [column for column in columns if column.kind in _KEYS and not column.missing and _is_short(column)]
    single = [column for column in possible if column.is_unique and _names_rows(column)]
    if single:
        return (min(single, key=lambda column: not looks_like_id(column.name)).name,)
    if table.num_rows > _MOST_ROWS_FOR_PAIRS:
        return ()
    parts = [column for column in possible if 1 < column.distinct < column.rows]
    for group in _candidates(parts, table.num_rows):
        if _is_unique(group, table.slice(0, _HEAD)) and _is_unique(group, table):
            return tuple(column.name for column in group)
    return ()


def _candidates(parts: Sequence[Column], rows: int) -> Iterator[tuple[Column, ...]]:
    """Columns that may identify a row together, most likely ones first."""
    names = [column for column in parts if column.kind is Kind.TIME or looks_like_id(column.name)]
    yield from (pair for pair in combinations(names[:_MOST_CANDIDATES], 2) if _count_cells(pair) >= rows)
    for size in range(2, _MOST_PARTS + 1):
        for group in combinations(parts[:_MOST_CANDIDATES], size):
            if rows <= _count_cells(group) <= rows**2 / 2 / _CHANCE:
                yield group


def _count_cells(group: Sequence[Column]) -> int:
    """Number of combinations of the columns' values."""
    return math.prod(column.distinct for column in group)


def find_time(columns: Sequence[Column]) -> str | None:
    """Find a column with the time of each row: the one with the most distinct times."""
    times = [column for column in columns if column.kind is Kind.TIME and not column.missing and column.distinct >= 10]
    return max(times, key=lambda column: column.distinct).name if times else None


def _is_short(column: Column) -> bool:
    return column.kind is not Kind.TEXT or column.longest <= _LONGEST_KEY


def _names_rows(column: Column) -> bool:
    """Whether a unique column is a name, not a measurement that happens to be unique."""
    if column.kind is Kind.INTEGER:
        return looks_like_id(column.name) or column.is_increasing or column.is_beyond_floats
    return column.rows > 1 and (column.kind is Kind.TIME or column.words <= 2 or looks_like_id(column.name))


def _is_unique(group: Sequence[Column], table: pa.Table) -> bool:
    names = [str(index) for index in range(len(group))]
    keys = table.select([column.name for column in group]).rename_columns(names)
    return bool(keys.group_by(names).aggregate([]).num_rows == table.num_rows)
