"""Numbers and dates that are written as text, such as `3,687.39 €` and `31.01.2024`: how `prepare` parses them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from firelib.recipe import parse_dates, parse_numbers
from firelib.scaffold.data.structs import Structs, flatten_table

#: Words that stand for a missing value among numbers and dates.
MISSING_WORDS = (
    *("-", "--", "–", "—", "?", ".", "n/a", "N/A", "na", "NA", "#N/A"),
    *("NULL", "null", "None", "none", "NaN", "nan"),
)
_UNITS = r"(?:[€$£¥%]|EUR|USD|GBP|CHF|JPY)"
_CURRENCIES = ("€|EUR", r"\$|USD", "£|GBP", "¥|JPY", "CHF")
_GROUPED = r"\d{1,3}(?:[\s'’]\d{3})+"
_POINT = rf"^\s*{_UNITS}?\s*[-+]?\s*{_UNITS}?\s*(?:\d{{1,3}}(?:,\d{{3}})+|{_GROUPED}|\d+)(?:\.\d+)?\s*{_UNITS}?\s*$"
_COMMA = rf"^\s*{_UNITS}?\s*[-+]?\s*{_UNITS}?\s*(?:\d{{1,3}}(?:\.\d{{3}})+|{_GROUPED}|\d+)(?:,\d+)?\s*{_UNITS}?\s*$"
_CODE = r"^\s*[-+]?0\d"  # a leading zero is part of a code
_ISO = r"^\d{4}-\d{2}-\d{2}(?:[ T]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}(?::?\d{2})?)?)?$"
_ZONE = r"(?:Z|:\d{2}(?:\.\d+)?[+-]\d{2}(?::?\d{2})?)$"
_DATE = r"^(\d{1,4})([-./])\d{1,2}[-./]\d{1,4}(?:([ T])\d{1,2}:\d{2}(:\d{2})?)?$"
_WRITTEN = f"{_POINT}|{_COMMA}|{_DATE}|{_ISO}"
_HEAD = 20  # values that give a short answer for nearly all columns of text
_REMEDY = "convert it in `prepare`, with parse_{0}(rows, {1!r}, {2})"


@dataclass(frozen=True)
class Call:
    """A function of `firelib.recipe` that parses a column.

    Attributes:
        function: Its name.
        options: Its arguments after the columns.
    """

    function: str
    options: tuple[tuple[str, str | bool], ...] = ()


@dataclass(frozen=True)
class Reading:
    """A table whose written numbers and dates are parsed.

    Attributes:
        table: The rows; a parsed column has numbers or times.
        calls: Column → what parses it.
        unclear: Column → why its numbers or dates cannot be parsed.
        structs: Column of objects → the columns of the table that are its fields.
    """

    table: pa.Table
    calls: Mapping[str, Call] = field(default_factory=dict)
    unclear: Mapping[str, str] = field(default_factory=dict)
    structs: Structs = field(default_factory=dict)


def read_written(table: pa.Table) -> Reading:
    """Make columns of the fields of objects, and parse the columns of text that hold nothing but numbers or dates.

    Args:
        table: Rows with the lake's types.
    """
    calls, unclear = {}, {}
    table, structs = flatten_table(table)
    for name, column in zip(table.column_names, table.columns, strict=True):
        found = _explain(name, column) if pa.types.is_string(column.type) or _is_large(column.type) else None
        if isinstance(found, str):
            unclear[name] = found
        elif found:
            calls[name] = found
            table = table.set_column(table.column_names.index(name), name, _parse(column, found))
    return Reading(table, calls, unclear, structs)


def describe_reading(reading: Reading) -> Iterator[str]:
    """Say what is parsed: one line a column.

    Args:
        reading: The table.
    """
    for name, call in reading.calls.items():
        kind = "numbers" if call.function == "parse_numbers" else "dates"
        how = ", ".join(f"{option} {value!r}" for option, value in call.options)
        yield f"text to {kind}: {name!r}{f' ({how})' if how else ''}, in `prepare`"


def looks_written(texts: pa.Array) -> bool:
    """Whether texts are numbers or dates, in whatever notation.

    Args:
        texts: Texts without missing values.
    """
    return any(_all_match(texts, pattern) for pattern in (_POINT, _COMMA, _DATE, _ISO))


def find_odd_words(texts: pa.Array) -> list[str]:
    """Texts that are no numbers or dates, in whatever notation.

    Args:
        texts: Texts without missing values.
    """
    odd: list[str] = texts.filter(pc.invert(pc.match_substring_regex(texts, _WRITTEN))).to_pylist()
    return odd


def _is_large(type_: pa.DataType) -> bool:
    return bool(pa.types.is_large_string(type_))


def _explain(name: str, column: pa.ChunkedArray) -> Call | str | None:
    present = column.drop_null()
    head = _without_words(pc.unique(present[: 50 * _HEAD]))[:_HEAD]
    if not len(head) or not _are_written(head):
        return None
    texts = pc.unique(present)
    values = _without_words(texts)
    dates = _explain_dates(name, values) if _all_match(values, _DATE) else None
    if isinstance(dates, Call):
        return dates
    if _all_match(values, _ISO):
        return _explain_iso(name, values) or dates
    if dates:
        return dates
    if _any_match(values, _CODE) or not _are_written(values):
        return None
    has_words = len(values) < len(texts)
    return _explain_numbers(name, values) if has_words or _any_match(values, rf"[.,\s'’]|{_UNITS}") else None


def _without_words(texts: pa.Array) -> pa.Array:
    return texts.filter(pc.invert(pc.is_in(pc.utf8_trim_whitespace(texts), pa.array(MISSING_WORDS, texts.type))))


def _are_written(texts: pa.Array) -> bool:
    return _all_match(texts, _WRITTEN)


def _explain_numbers(name: str, values: pa.Array) -> Call | str | None:
    currencies = [each for each in _CURRENCIES if _any_match(values, each)]
    percent = _any_match(values, "%")
    if len(currencies) + percent > 1:
        return "its numbers have different units: convert it in `prepare`"
    has_point, has_comma = _all_match(values, _POINT), _all_match(values, _COMMA)
    if has_point == has_comma and _any_match(values, "[.,]"):
        example = next(value for value in values.to_pylist() if "," in value or "." in value)
        remedy = _REMEDY.format("numbers", name, "thousands=…, decimal=…")
        return f"it looks like numbers such as {example}, whose decimal mark is not clear: {remedy}"
    if has_point:
        return Call("parse_numbers", (("thousands", ","),) if _any_match(values, ",") else ())
    return Call("parse_numbers", ((("thousands", "."),) if _any_match(values, r"\.") else ()) + (("decimal", ","),))


def _explain_dates(name: str, values: pa.Array) -> Call | str:
    found = [each for each in _formats(values[0].as_py()) if _fits(values, each)]
    if len(found) == 1:
        return Call("parse_dates", (("format", found[0]),))
    problem = "whose day and month are not clear" if found else "in several notations"
    remedy = _REMEDY.format("dates", name, "format=…")
    return f"it looks like dates such as {values[0].as_py()}, {problem}: {remedy}"


def _explain_iso(name: str, values: pa.Array) -> Call | str | None:
    """Times with fractions of seconds or with time zones, which each text may have or not."""
    zones = pc.match_substring_regex(values, _ZONE)
    has_zones = bool(pc.all(zones).as_py())
    if pc.any(zones).as_py() and not has_zones:
        example, remedy = (
            values.filter(pc.invert(zones))[0].as_py(),
            _REMEDY.format("dates", name, "format=…, utc=True"),
        )
        return f"some of its times have a time zone, others such as {example} have none: {remedy}, which takes UTC"
    if not _fits(values, "ISO8601", has_zones):
        return None
    return Call("parse_dates", (("format", "ISO8601"), *((("utc", True),) if has_zones else ())))


def _formats(text: str) -> list[str]:
    """Formats of dates that are separated like an example."""
    mark = next(character for character in text if not character.isdigit())
    times = text.partition("T" if "T" in text else " ")
    time = f"{times[1]}%H:%M{':%S' if times[2].count(':') == 2 else ''}" if times[2] else ""
    orders = ("dmY", "Ymd", "dmy") if mark == "." else ("dmY", "mdY", "Ymd", "dmy", "mdy")
    return [mark.join(f"%{part}" for part in order) + time for order in orders]


def _fits(values: pa.Array, format_: str, utc: bool = False) -> bool:
    texts = pd.Series(values.to_pylist(), dtype="string")
    parts = (texts.head(_HEAD), texts)  # the head gives a short answer for most formats
    return all(bool(pd.to_datetime(part, format=format_, errors="coerce", utc=utc).notna().all()) for part in parts)


def _parse(column: pa.ChunkedArray, call: Call) -> pa.ChunkedArray:
    frame = pd.DataFrame({"column": pd.Series(column.to_pylist(), dtype="string")})
    options: dict[str, Any] = dict(call.options)
    if call.function == "parse_dates":
        times = pa.Array.from_pandas(parse_dates(frame, "column", **options)["column"])
        return pa.chunked_array([times.cast(pa.timestamp("us", times.type.tz), safe=False)])
    numbers = parse_numbers(frame, "column", **options)["column"]
    return pa.chunked_array([pa.Array.from_pandas(numbers)])  # NaN becomes null


def _all_match(texts: pa.Array, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(texts, pattern)).as_py())


def _any_match(texts: pa.Array, pattern: str) -> bool:
    return bool(pc.any(pc.match_substring_regex(texts, pattern)).as_py())
