"""Strings such as `N/A` that stand for a missing value in a column of numbers."""

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
    found = {}
    for field in table.schema:
        if pa.types.is_string(field.type) and (marks := _find_in(table[field.name])):
            found[field.name] = marks
    return found


def _find_in(column: pa.ChunkedArray) -> list[str]:
    values = column.drop_null()
    others = values.filter(pc.invert(pc.match_substring_regex(values, _NUMBER)))
    if not len(others) or len(others) > len(values) * (1 - _LEAST_NUMBERS):
        return []
    marks: list[str] = pc.unique(others).to_pylist()
    return sorted(marks) if len(marks) <= _MOST_MARKERS else []
