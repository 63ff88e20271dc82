"""What a column of a table holds: its kind, missing values, distinct values, range and lengths."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

MOST_VALUES = 1000  # distinct values that are kept
_IDS = r"^[A-Za-z]{1,6}[-_]?\d{2,}$|^[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$"
_EXACT_FLOAT32 = 2**24
_EXACT_FLOAT64 = 2**53


class Kind(StrEnum):
    """What the values of a column are."""

    BOOL = "bool"
    INTEGER = "integer"
    NUMBER = "number"
    TEXT = "text"
    TIME = "time"
    ARRAY = "array"
    LIST = "list"
    BYTES = "bytes"
    OTHER = "other"


@dataclass(frozen=True)
class Column:
    """Figures of a column.

    Attributes:
        name: Its name.
        kind: What its values are; of an array or a list, `items` describes the elements.
        rows: Number of rows.
        missing: Number of missing values; NaN counts.
        distinct: Number of distinct values; 0 where it was not counted.
        values: The distinct values in ascending order, if there are at most 1,000 of them.
        low: Smallest value of numbers and times.
        high: Largest value of numbers and times.
        longest: Longest text in UTF-8 bytes, or largest list.
        words: Mean number of words in a text.
        infinite: Number of infinite values.
        has_time_of_day: Whether a time has a time of day.
        is_wide: Whether float32 would round its numbers noticeably: integers beyond 2^24.
        looks_like_ids: Whether all texts are letters and a number, such as P0003.
        is_increasing: Whether each number is larger than the one before.
        items: The elements of an array or list.
    """

    name: str
    kind: Kind
    rows: int
    missing: int = 0
    distinct: int = 0
    values: tuple[Any, ...] = ()
    low: Any = None
    high: Any = None
    longest: int = 0
    words: float = 0.0
    infinite: int = 0
    has_time_of_day: bool = False
    is_wide: bool = False
    looks_like_ids: bool = False
    is_increasing: bool = False
    items: "Column | None" = None

    @property
    def present(self) -> int:
        """Number of values that are not missing."""
        return self.rows - self.missing

    @property
    def is_constant(self) -> bool:
        """Whether all present values are equal, without a missing one."""
        return self.distinct == 1 and not self.missing

    @property
    def is_unique(self) -> bool:
        """Whether no value is missing or there twice."""
        return not self.missing and self.distinct == self.rows

    @property
    def is_beyond_floats(self) -> bool:
        """Whether its values are integers that float64 would round: names such as hashes, not measurements."""
        return self.kind is Kind.INTEGER and self.low is not None and max(-self.low, self.high) > _EXACT_FLOAT64

    @property
    def is_number(self) -> bool:
        """Whether its values are numbers."""
        return self.kind in (Kind.INTEGER, Kind.NUMBER)


def describe_table(table: pa.Table) -> list[Column]:
    """Compute the figures of all columns.

    Args:
        table: Rows with the lake's types.
    """
    return [describe_column(name, column) for name, column in zip(table.column_names, table.columns, strict=True)]


def describe_column(name: str, column: pa.ChunkedArray) -> Column:
    """Compute the figures of a column.

    Args:
        name: Its name.
        column: Its values.
    """
    kind = _kind(column.type)
    missing = int(pc.sum(pc.is_null(column, nan_is_null=pa.types.is_floating(column.type))).as_py() or 0)
    figures: dict[str, Any] = {"missing": missing}
    if kind in (Kind.ARRAY, Kind.LIST):
        return _describe_lists(name, column, figures)
    if kind in (Kind.BYTES, Kind.OTHER):
        return Column(name, kind, len(column), **figures)
    present = column.drop_null()
    if pa.types.is_floating(column.type):
        figures["infinite"] = int(pc.sum(pc.is_inf(present)).as_py() or 0)
        present = present.filter(pc.is_finite(present))
    figures["distinct"] = int(pc.count_distinct(present).as_py())
    if figures["distinct"] <= MOST_VALUES:
        figures["values"] = tuple(pc.unique(present).sort().to_pylist())
    if kind is Kind.TEXT:
        figures |= _measure_texts(present)
    elif kind is not Kind.BOOL and len(present):
        figures |= _measure_numbers(present, kind)
    return Column(name, kind, len(column), **figures)


def _kind(type_: pa.DataType) -> Kind:
    checks = (
        (Kind.BOOL, (pa.types.is_boolean,)),
        (Kind.INTEGER, (pa.types.is_integer,)),
        (Kind.NUMBER, (pa.types.is_floating, pa.types.is_decimal)),
        (Kind.TEXT, (pa.types.is_string, pa.types.is_large_string)),
        (Kind.TIME, (pa.types.is_timestamp, pa.types.is_date)),
        (Kind.BYTES, (pa.types.is_binary, pa.types.is_large_binary)),
        (Kind.LIST, (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)),
    )
    return next((kind for kind, tests in checks if any(test(type_) for test in tests)), Kind.OTHER)


def _measure_texts(present: pa.ChunkedArray) -> dict[str, Any]:
    if not len(present):
        return {}
    words = pc.count_substring_regex(present, r"\S+")
    return {
        "longest": int(pc.max(pc.binary_length(present)).as_py()),
        "words": float(pc.mean(words).as_py()),
        "looks_like_ids": all(
            bool(pc.all(pc.match_substring_regex(each, _IDS)).as_py()) for each in (present[:1], present)
        ),
    }


def _measure_numbers(present: pa.ChunkedArray, kind: Kind) -> dict[str, Any]:
    ends = pc.min_max(present).as_py()
    figures: dict[str, Any] = {"low": ends["min"], "high": ends["max"]}
    if kind is Kind.TIME:
        has_time = pa.types.is_timestamp(present.type)
        midnight = pc.equal(present, pc.floor_temporal(present, unit="day")) if has_time else None
        figures["has_time_of_day"] = midnight is not None and not pc.all(midnight).as_py()
    else:
        is_whole = kind is Kind.INTEGER or bool(pc.all(pc.equal(pc.round(present), present)).as_py())
        figures["is_wide"] = is_whole and max(abs(ends["min"]), abs(ends["max"])) > _EXACT_FLOAT32
    if len(present) > 1:
        flat = present.combine_chunks() if isinstance(present, pa.ChunkedArray) else present
        figures["is_increasing"] = bool(pc.all(pc.greater(flat[1:], flat[:-1])).as_py())
    return figures


def _describe_lists(name: str, column: pa.ChunkedArray, figures: dict[str, Any]) -> Column:
    lengths, elements = pc.list_value_length(column).drop_null(), pc.list_flatten(column)
    items = describe_column(name, elements if isinstance(elements, pa.ChunkedArray) else pa.chunked_array([elements]))
    ends = pc.min_max(lengths).as_py() if len(lengths) else {"min": 0, "max": 0}
    is_array = ends["min"] == ends["max"] > 0 and items.kind in (Kind.BOOL, Kind.INTEGER, Kind.NUMBER)
    kind = Kind.ARRAY if is_array else Kind.LIST
    return Column(name, kind, len(column), longest=int(ends["max"]), items=items, **figures)
