"""Parse rows in JSON, and convert their values to the types of the features."""

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from firelib.errors import FirelibError
from firelib.evaluate.input_rows.problems import RowProblems, abbreviate
from firelib.recipe import FLOATS, Feature
from firelib.storage.json_files import build_object

Row = Mapping[str, Any]

_SPACE = re.compile(r"\s+")


def parse_json(text: str, where: str) -> list[Row]:
    """Parse objects: one, a list of them, or several in a row, such as one per line.

    Args:
        text: The JSON.
        where: Its source, for errors.

    Returns:
        A mapping from names to values for each object.

    Raises:
        FirelibError: The text is not JSON, a value is not an object, or an object has a name twice.

    Example:
        >>> parse_json('{"carrier": "UA"} {"carrier": "DL"}', "the command line")
        [{'carrier': 'UA'}, {'carrier': 'DL'}]
    """
    try:
        values = list(_parse_values(text))
    except (ValueError, RecursionError) as error:  # ValueError: also for an integer of more than 4,300 digits
        raise FirelibError(f"invalid JSON: {error}", where=where, remedy="check quotes and commas") from None
    rows = [row for value in values for row in (value if isinstance(value, list) else [value])]
    for index, row in enumerate(rows):
        if not isinstance(row, dict):
            raise FirelibError(
                f"row {index}: expected an object, got {abbreviate(row)}",
                where=where,
                remedy='write it as {"feature": value, …}',
            )
    return rows


def parse_batches(file: Iterable[str], where: str, size: int | None) -> Iterator[list[Row]]:
    """Parse objects as `parse_json` does, in batches, so that memory does not grow with the file.

    Args:
        file: The lines of the file. Batches begin at lines that begin with an object; a list is one batch.
        where: Its source, for errors.
        size: About the number of characters in a batch; None for one batch.

    Yields:
        The objects of a batch.

    Raises:
        FirelibError: As for `parse_json`.
    """
    first, blocks = 0, _cut_lines(file, size)
    for block in blocks:
        try:
            rows = parse_json(block, where)
        except FirelibError:  # perhaps the cut was inside an object
            rest = "".join(blocks)
            if not rest and not first:
                raise
            rows = parse_json(block + rest, f"{where}, after row {first - 1}" if first else where)
        first += len(rows)
        yield rows


def _cut_lines(file: Iterable[str], size: int | None) -> Iterator[str]:
    block: list[str] = []
    length = 0
    for line in file:
        if size is not None and length >= size and line.startswith("{"):
            yield "".join(block)
            block, length = [], 0
        block.append(line)
        length += len(line)
    yield "".join(block)


def _parse_values(text: str) -> Iterator[Any]:
    decoder = json.JSONDecoder(object_pairs_hook=build_object)
    start = _begin(text, 0)
    while start < len(text):
        value, end = decoder.raw_decode(text, start)
        yield value
        start = _begin(text, end)


def _begin(text: str, end: int) -> int:
    """Index of the first character after white space, without a copy of the text."""
    match = _SPACE.match(text, end)
    return match.end() if match else end


def to_table(rows: Sequence[Row], features: Sequence[Feature], problems: RowProblems) -> pa.Table:
    """Convert the values of the features to columns.

    Args:
        rows: The rows; a missing name means a missing value.
        features: The features.
        problems: Receives the values that have another type than their feature. They become null.

    Returns:
        A column for each feature. Floats are float64, so that the validator sees values that float32 cannot hold.
    """
    return pa.table({feature.name: _to_array(rows, feature, problems) for feature in features})


def _to_array(rows: Sequence[Row], feature: Feature, problems: RowProblems) -> pa.Array:
    convert = _list_converter(feature) if feature.ragged or feature.shape else _converter(feature)
    values = []
    for index, row in enumerate(rows):
        value = row.get(feature.name)
        try:
            values.append(None if value is None else convert(value))
        except ValueError as error:
            problems.add_row(feature.name, index, f"{feature.name}: {error}, got {abbreviate(value)}")
            values.append(None)
    return pa.array(values, _arrow_type(feature))


def _arrow_type(feature: Feature) -> pa.DataType:
    special = {"string": pa.large_string(), "bytes": pa.large_binary(), "bool": pa.bool_()}
    scalar = pa.float64() if feature.dtype in FLOATS else special.get(feature.dtype)
    scalar = scalar or pa.from_numpy_dtype(np.dtype(feature.dtype))
    return pa.large_list(scalar) if feature.ragged or feature.shape else scalar


def _converter(feature: Feature) -> Callable[[Any], Any]:
    """A function that converts one JSON value, or raises ValueError with what was expected."""
    if feature.dtype in ("string", "bytes"):
        return _to_text
    if feature.dtype == "bool":
        return _to_bool
    if feature.dtype in FLOATS:
        return _to_float
    info = np.iinfo(feature.dtype)
    return lambda value: _to_integer(value, feature.dtype, int(info.min), int(info.max))


def _to_text(value: Any) -> bytes | str:
    if not isinstance(value, str):
        raise ValueError("expected a string")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("expected valid Unicode") from None
    return value


def _to_bool(value: Any) -> bool:
    if not isinstance(value, bool | int | float) or value not in (0, 1):
        raise ValueError("expected true or false")
    return bool(value)


def _to_float(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError("expected a number")
    try:
        return float(value)
    except OverflowError:  # an integer beyond float64
        return math.inf if value > 0 else -math.inf


def _to_integer(value: Any, dtype: str, low: int, high: int) -> int:
    if not isinstance(value, int | float):  # true and false are 1 and 0, as in a column of the sources
        raise ValueError("expected a number")
    if isinstance(value, float) and not value.is_integer():
        raise ValueError("expected an integer")
    if not low <= value <= high:
        raise ValueError(f"expected {dtype} within [{low}, {high}]")
    return int(value)


def _list_converter(feature: Feature) -> Callable[[Any], Any]:
    """A function that flattens and converts one JSON array."""
    convert = _converter(feature)
    expected = f"expected an array of shape {feature.shape}" if feature.shape else "expected a list"
    shapes = (feature.shape, (math.prod(feature.shape),))

    def convert_list(value: Any) -> list[Any]:
        try:
            array = np.array(value, dtype=object)
        except ValueError:
            raise ValueError(expected) from None  # rows of different lengths
        if not isinstance(value, list) or (array.shape not in shapes if feature.shape else array.ndim != 1):
            raise ValueError(expected)
        try:
            return [item if item is None else convert(item) for item in array.reshape(-1).tolist()]
        except ValueError as error:
            raise ValueError(f"{error} in each element") from None

    return convert_list
