"""Strings such as `N/A` that stand for a missing value in a column of numbers."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from threading import Lock

import pyarrow as pa
import pyarrow.compute as pc

_NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"
_MOST_MARKERS = 3
_LEAST_NUMBERS = 0.5  # share of the values


def find_missing_markers(table: pa.Table) -> dict[str, list[str]]:
    """Columns of text whose values are numbers but for a few words.

    Args:
        table: The rows of a source.

    Returns:
        Column → its values that are no numbers, at most three different ones.

    Example:
        >>> find_missing_markers(pa.table({"size": ["1", "2.5", "N/A"], "word": ["a", "b", "c"]}))
        {'size': ['N/A']}
    """
    scan = MarkerScan(field.name for field in table.schema if pa.types.is_string(field.type))
    scan.add(table)
    return scan.found


class MarkerScan:
    """Finds such strings in rows that come in batches, in any order and from several threads.

    Args:
        columns: Columns of text.
    """

    def __init__(self, columns: Iterable[str]) -> None:
        self._columns = {column: _Column() for column in columns}

    def add(self, batch: pa.Table | pa.RecordBatch) -> None:
        """Look at some rows."""
        for name, column in self._columns.items():
            if len(column.marks) <= _MOST_MARKERS:
                column.add(batch[name].drop_null())

    @property
    def found(self) -> dict[str, list[str]]:
        """As `find_missing_markers` of all rows."""
        return {name: sorted(column.marks) for name, column in self._columns.items() if column.is_of_numbers}


@dataclass
class _Column:
    values: int = 0
    others: int = 0
    marks: set[str] = field(default_factory=set)
    _lock: Lock = field(default_factory=Lock)

    def add(self, values: pa.ChunkedArray | pa.Array) -> None:
        rest = values.filter(pc.invert(pc.ascii_is_decimal(values)))  # several times faster than the expression
        others = rest.filter(pc.invert(pc.match_substring_regex(rest, _NUMBER)))
        marks = others.unique()[: _MOST_MARKERS + 1].to_pylist()
        with self._lock:
            self.values += len(values)
            self.others += len(others)
            self.marks.update(marks)

    @property
    def is_of_numbers(self) -> bool:
        return 0 < len(self.marks) <= _MOST_MARKERS and self.others <= self.values * (1 - _LEAST_NUMBERS)
