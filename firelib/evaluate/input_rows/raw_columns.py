"""Convert raw rows of JSON to the columns that a file with the same rows would have."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import chain
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa

from firelib.data.formats.csv import CSV
from firelib.data.formats.declared_types import cast_to_declared, infer_type, text_features, to_arrow_type
from firelib.data.formats.lake_types import to_lake_types
from firelib.errors import FirelibError
from firelib.evaluate.input_rows.problems import RowProblems, abbreviate
from firelib.recipe import FLOATS, Recipe, Source

Row = Mapping[str, Any]

_MOST_LEVELS = 32  # of lists and objects inside a value
_CANNOT_CONVERT = (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError, UnicodeEncodeError)


class RawColumns:
    """The columns of raw rows, with the types that a file would give them.

    Args:
        rows: Name → value; a missing name means a missing value.
        recipe: Its sources declare types, and their formats tell whether dates are inferred from text.
        problems: Receives the values that do not have the type of their column. They become null.
    """

    def __init__(self, rows: Sequence[Row], recipe: Recipe, problems: RowProblems) -> None:
        self._recipe, self._problems = recipe, problems
        self._declared = _declared_types(recipe)
        self._texts = text_features(recipe)
        self._infers = any(_infers_types(source) for source in recipe.sources.values())
        names = dict.fromkeys(name for row in rows for name in row)
        self._columns = {name: self._convert(name, [row.get(name) for row in rows]) for name in names}

    def frames(self) -> Iterator[dict[str, pa.Array | list[Any]]]:
        """The columns as JSON allows to read them: only the recipe's `prepare` knows which of these it expects.

        Yields:
            First, numbers for columns without any value and nothing that tells their type, and dates and times for
            text that a CSV file would infer to be such; then text for both. A list is a column of mixed types.
        """
        inferred = {name: self._infer(name, column) for name, column in self._columns.items()}
        yield inferred
        plain = {name: _as_text(column) for name, column in self._columns.items()}
        if any(plain[name] is not inferred[name] for name in plain):
            yield plain

    def _convert(self, name: str, values: list[Any]) -> pa.Array | list[Any]:
        values = [self._limit(name, row, value) for row, value in enumerate(values)]
        kind = self._declared.get(name)
        if kind is not None:
            return self._cast(name, values, kind)
        return _to_array(values)

    def _limit(self, name: str, row: int, value: Any) -> Any:
        """A value, unless it is nested so deeply that libraries might fail; or text that is not valid Unicode."""
        problem = _find_problem(value)
        if problem:
            self._problems.add_row(name, row, f"{name}: {problem}")
            return None
        return value

    def _cast(self, name: str, values: list[Any], kind: str) -> pa.Array:
        invalid: list[int] = []
        pieces = list(_cast_pieces(values, kind, 0, invalid))
        for row in invalid:
            self._problems.add_row(name, row, f"{name}: expected {kind}, got {abbreviate(values[row])}")
        return pa.chunked_array(pieces).combine_chunks()

    def _infer(self, name: str, column: pa.Array | list[Any]) -> pa.Array | list[Any]:
        if isinstance(column, list) or name in self._declared:
            return column
        if pa.types.is_null(column.type):
            return pa.nulls(len(column), self._guess_type(name))
        if self._infers and name not in self._texts and pa.types.is_string(column.type):
            kind = infer_type(pa.chunked_array([column]))
            if kind is not None and pa.types.is_temporal(kind):
                return _to_lake(column.cast(kind))
        return column

    def _guess_type(self, name: str) -> pa.DataType:
        """The type of a column without any value."""
        declared = {feature.name: feature for feature in (*self._recipe.features, self._recipe.label)}
        feature = declared.get(name)
        if feature is None or feature.dtype in FLOATS or feature.shape or feature.ragged:
            return pa.float64()
        if feature.dtype in ("string", "bytes"):
            return pa.string()
        return pa.bool_() if feature.dtype == "bool" else pa.int64()


def _declared_types(recipe: Recipe) -> dict[str, str]:
    """Column → type that the sources declare, unless several declare different ones.

    JSON has no bytes: a column of bytes is text, such as Base64.
    """
    kinds: dict[str, set[str]] = {}
    for source in recipe.sources.values():
        for column, kind in source.types.items():
            kinds.setdefault(column, set()).add("string" if kind == "bytes" else kind)
    return {column: next(iter(found)) for column, found in kinds.items() if len(found) == 1}


def _infers_types(source: Source) -> bool:
    """Whether dates and times in the source's files are inferred from text."""
    names = [PurePosixPath(uri).name for uri in source.uris]
    return source.format == CSV.name or (source.format is None and any(map(CSV.matches_name, names)))


def _find_problem(value: Any) -> str | None:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return f"expected valid Unicode, got {abbreviate(value)}"
        return None
    level = [value]
    for _ in range(_MOST_LEVELS + 1):
        level = list(chain.from_iterable(_children(item) for item in level if isinstance(item, list | dict)))
        if not level:
            return None
    return f"expected at most {_MOST_LEVELS} levels of lists and objects"


def _children(value: list[Any] | dict[str, Any]) -> Any:
    return value if isinstance(value, list) else value.values()


def _to_array(values: list[Any]) -> pa.Array | list[Any]:
    """An array with the type of the values; the values themselves if they have several."""
    try:
        return pa.array(values)
    except _CANNOT_CONVERT:
        if all(value is None or type(value) in (int, float) for value in values):
            return _floats(values)
        return values


def _to_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # an integer beyond float64
        return np.inf if value > 0 else -np.inf


def _cast_pieces(values: list[Any], kind: str, start: int, invalid: list[int]) -> Iterator[pa.Array]:
    """Cast values in as few pieces as it takes to find the invalid rows, by halving the pieces that fail."""
    try:
        yield _cast(values, kind)
    except (*_CANNOT_CONVERT, FirelibError):
        if len(values) == 1:
            invalid.append(start)
            yield _cast([None], kind)
            return
        half = len(values) // 2
        yield from _cast_pieces(values[:half], kind, start, invalid)
        yield from _cast_pieces(values[half:], kind, start + half, invalid)


def _cast(values: list[Any], kind: str) -> pa.Array:
    target = to_arrow_type(kind)
    numbers = all(value is None or type(value) in (int, float) for value in values)
    if all(value is None for value in values):
        return _to_lake(pa.nulls(len(values), target))
    if numbers and pa.types.is_decimal(target):
        array = pa.array([None if value is None else Decimal(repr(value)) for value in values], target)
    elif numbers and pa.types.is_floating(target):
        array = _floats(values)
    else:
        array = pa.array(values)
    table = cast_to_declared(pa.table({"x": array}), Source("request", types={"x": kind}), "")
    return _to_lake(table["x"].combine_chunks())


def _floats(values: list[Any]) -> pa.Array:
    return pa.array([None if value is None else _to_float(value) for value in values], pa.float64())


def _to_lake(column: pa.Array) -> pa.Array:
    """A column in the type that the lake has for it."""
    return to_lake_types(pa.table({"x": column}), "")["x"].combine_chunks()


def _as_text(column: pa.Array | list[Any]) -> pa.Array | list[Any]:
    """Text for a column without any value."""
    is_null = not isinstance(column, list) and pa.types.is_null(column.type)
    return pa.nulls(len(column), pa.string()) if is_null else column
