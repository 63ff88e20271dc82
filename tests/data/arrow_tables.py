"""Random tables of every Arrow type, with features for their columns and what a shard must hold for each value."""

import math
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa
from hypothesis import strategies as st

from firelib.recipe import FLOATS, INTEGERS, Feature

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
MICROSECONDS = st.integers(-(10**15), 10**15)


def whole(low: int, high: int) -> st.SearchStrategy[Any]:
    return st.integers(low, high) | st.sampled_from([low, high, 0])


#: Values of each type. A type in `PARTIAL` has values that the lake cannot store.
VALUES: dict[pa.DataType, st.SearchStrategy[Any]] = {
    **{pa.type_for_alias(f"int{bits}"): whole(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)},
    **{pa.type_for_alias(f"uint{bits}"): whole(0, 2**bits - 1) for bits in (8, 16, 32, 64)},
    pa.float16(): st.floats(width=16),
    pa.float32(): st.floats(width=32),
    pa.float64(): st.floats(),
    pa.bool_(): st.booleans(),
    pa.string(): TEXT,
    pa.large_string(): TEXT,
    pa.string_view(): TEXT,
    pa.binary(): st.binary(max_size=5),
    pa.large_binary(): st.binary(max_size=5),
    pa.binary_view(): st.binary(max_size=5),
    pa.binary(2): st.binary(min_size=2, max_size=2),
    pa.dictionary(pa.int8(), pa.string()): st.sampled_from(["a", "é", ""]),
    pa.decimal128(38, 0): whole(-(10**38) + 1, 10**38 - 1).map(Decimal),
    pa.decimal128(5, 2): st.decimals(-999, 999, places=2),
    pa.decimal256(60, 0): whole(-(10**50), 10**50).map(Decimal),
    pa.date32(): st.dates(),
    pa.date64(): st.dates(),
    pa.timestamp("s"): st.integers(-(10**10), 10**10),
    pa.timestamp("ms", "UTC"): MICROSECONDS.map(lambda value: value // 1000),
    pa.timestamp("us", "Europe/Berlin"): MICROSECONDS,
    pa.timestamp("ns"): MICROSECONDS.map(lambda value: value * 500),
    pa.time32("s"): st.integers(0, 86399),
    pa.time64("ns"): st.integers(0, 86_399_999_999).map(lambda value: value * 500),
    pa.duration("ms"): MICROSECONDS,
    pa.list_(pa.float32()): st.lists(st.none() | st.floats(width=32), max_size=3),
    pa.large_list(pa.string()): st.lists(TEXT, max_size=2),
    pa.list_(pa.uint8(), 2): st.lists(st.none() | st.integers(0, 255), min_size=2, max_size=2),
    pa.list_(pa.list_(pa.int16(), 2), 1): st.lists(st.integers(-9, 9), min_size=2, max_size=2).map(lambda pair: [pair]),
    pa.struct([("a", pa.int64()), ("b", pa.string())]): st.fixed_dictionaries({"a": st.integers(0, 9), "b": TEXT}),
    pa.map_(pa.string(), pa.int64()): st.dictionaries(TEXT, st.integers(0, 9), max_size=2).map(
        lambda members: list(members.items())
    ),
    pa.null(): st.none(),
}
PARTIAL = [pa.uint64(), pa.timestamp("ns"), pa.time64("ns"), pa.decimal256(60, 0)]

_MISSING = -7


class SetAsideError(Exception):
    """The value breaks its feature's declaration."""


@dataclass(frozen=True)
class Column:
    """A column of a table, and its feature."""

    values: pa.Array
    feature: Feature | None

    def stored(self, value: Any) -> Any:
        """What a shard holds for a value of the table, or `SetAsideError`."""
        assert self.feature is not None
        return _stored(value, self.feature)


@st.composite
def columns(draw: st.DrawFn, rows: int, name: str) -> Column:
    """A column of any type, with nulls."""
    kind = draw(st.sampled_from(list(VALUES)))
    values = draw(st.lists(st.none() | VALUES[kind], min_size=rows, max_size=rows))
    return Column(pa.array(values, kind), draw(_features(name, kind)))


@st.composite
def tables(draw: st.DrawFn, named: bool = False) -> tuple[pa.Table, dict[str, Column]]:
    """A table of up to four columns and six rows, with a column `id`, and its columns by name."""
    rows = draw(st.integers(0, 6))
    names = draw(_NAMES) if named else [f"c{index}" for index in range(draw(st.integers(1, 4)))]
    drawn = {name: draw(columns(rows, name)) for name in names}
    table = pa.table({"id": pa.array(range(rows), pa.int64()), **{name: one.values for name, one in drawn.items()}})
    return table, drawn


_NAMES = st.lists(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=4)
    | st.sampled_from(["a b", ".a", "[0]", "ä", "1"]),
    min_size=1,
    max_size=4,
    unique_by=str.lower,
).filter(lambda names: "id" not in map(str.lower, names))


def _features(name: str, kind: pa.DataType) -> st.SearchStrategy[Feature | None]:
    """The features that a column of a type may have; None for types that no feature has."""
    if pa.types.is_struct(kind) or pa.types.is_map(kind):
        return st.none()
    dtype, options = _dtype(kind)
    ways: list[dict[str, Any]] = [{}, {"optional": True}]
    if dtype != "bool":
        unsigned = dtype.startswith("u")
        missing = {"missing": -_MISSING if unsigned else _MISSING} if dtype in INTEGERS else {}
        ways.append({"nullable": True, **missing})
    if dtype == "string" and not options:
        ways += [{**way, "max_length": 6} for way in ways]
    return st.sampled_from([Feature(name, dtype, **options, **way) for way in ways])


def _dtype(kind: pa.DataType) -> tuple[str, dict[str, Any]]:
    """The dtype that holds the values of a type, and the shape or raggedness of its lists."""
    if pa.types.is_fixed_size_list(kind):
        if pa.types.is_fixed_size_list(kind.value_type):
            return _scalar(kind.value_type.value_type), {"shape": (kind.list_size, kind.value_type.list_size)}
        return _scalar(kind.value_type), {"shape": (kind.list_size,)}
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _scalar(kind.value_type), {"ragged": True}
    return _scalar(kind), {}


def _scalar(kind: pa.DataType) -> str:
    if pa.types.is_time(kind) or pa.types.is_duration(kind):
        return "int64"
    if "binary" in str(kind):
        return "bytes"
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return str(kind)
    if pa.types.is_floating(kind):
        return f"float{kind.bit_width}"
    return "float64" if pa.types.is_decimal(kind) else "string"


def _stored(value: Any, feature: Feature) -> Any:
    if _is_missing(value):
        return _stored_missing(feature)
    if feature.ragged or feature.shape:
        flat = [item for row in value for item in row] if len(feature.shape) > 1 else value
        return [_stored_element(item, feature) for item in flat]
    return _stored_item(value, feature)


def _is_missing(value: Any) -> bool:
    return value is None or value != value


def _stored_missing(feature: Feature) -> Any:
    if feature.optional:
        return None
    if not feature.nullable:
        raise SetAsideError
    if feature.ragged:
        return []
    return [_fill(feature)] * math.prod(feature.shape) if feature.shape else _fill(feature)


def _fill(feature: Feature) -> Any:
    fills = {"string": "", "bytes": b""}
    return fills.get(feature.dtype, None if feature.dtype in FLOATS else feature.missing)


def _stored_element(item: Any, feature: Feature) -> Any:
    """An element: only in a nullable array of fixed size, something can stand for a null."""
    if not _is_missing(item):
        return _stored_item(item, feature)
    if feature.nullable and (feature.shape or item is not None):
        return _fill(feature)
    raise SetAsideError


def _stored_item(value: Any, feature: Feature) -> Any:
    if feature.dtype in FLOATS:
        if math.isinf(value):
            raise SetAsideError
        return float(value)
    if feature.dtype != "string":
        return microseconds(value)
    text = _to_text(value)
    padded = not (feature.optional or feature.ragged)
    if feature.max_length and (len(text.encode()) > feature.max_length or (padded and text.endswith("\0"))):
        raise SetAsideError
    return text


def _to_text(value: Any) -> str:
    if isinstance(value, datetime):
        zone = f"{value:%z}" if str(value.tzinfo) != "UTC" else "Z"
        return f"{value:%Y-%m-%d %H:%M:%S.%f}{zone if value.tzinfo else ''}"
    return value.isoformat() if isinstance(value, date) else str(value)


def microseconds(value: Any) -> Any:
    """Times of day and durations are microseconds in the lake."""
    if isinstance(value, time):
        value = timedelta(hours=value.hour, minutes=value.minute, seconds=value.second, microseconds=value.microsecond)
    return value // timedelta(microseconds=1) if isinstance(value, timedelta) else value


def plain(value: Any) -> Any:
    """A value in the type that the documentation promises; None for NaN."""
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime()
    return None if value != value else microseconds(value)
