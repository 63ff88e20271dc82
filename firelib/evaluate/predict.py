"""Score raw rows in JSON or CSV."""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from firelib.errors import FirelibError, did_you_mean
from firelib.evaluate.model import TrainedModel
from firelib.recipe import FLOATS, INTEGERS, Feature
from firelib.tfrecord.format.arrow_columns import to_columns

Row = Mapping[str, Any]
_MOST_CHARACTERS = 60  # of a value in an error


def predict(
    rows: Sequence[Row], features: Sequence[Feature], model_folder: Path, classes: Sequence[str] = ()
) -> list[Any]:
    """Score rows with a trained model.

    Args:
        rows: Feature name → raw value, arrays as lists; a nullable feature may be omitted.
        features: The features of the dataset.
        model_folder: `models/<recipe>`.
        classes: Names of the outputs; their indices by default.

    Returns:
        A number per row; for a model with several outputs, class → probability per row, by decreasing probability.

    Raises:
        FirelibError: A value is missing, of the wrong type or out of range, a name is unknown, or there is no model.
    """
    columns = to_columns(_to_table(rows, features), features)
    outputs: list[Any] = TrainedModel(model_folder).predict(columns).tolist()
    return [_name_outputs(output, classes) if isinstance(output, list) else output for output in outputs]


def _name_outputs(output: Sequence[float], classes: Sequence[str]) -> dict[str, float]:
    names = classes if len(classes) == len(output) else [str(index) for index in range(len(output))]
    pairs = zip(names, output, strict=True)
    return dict(sorted(pairs, key=lambda pair: -pair[1]))


def read_rows(text: str, where: str, features: Sequence[Feature]) -> list[dict[str, Any]]:
    r"""Parse rows in JSON (an object, a list of objects, or one object per line) or in CSV with a header.

    Args:
        text: The rows.
        where: Their source, for errors.
        features: The features, since a CSV does not distinguish strings from numbers.

    Returns:
        Feature name → raw value, one dict per row.

    Raises:
        FirelibError: There are no rows, or the text is invalid.

    Example:
        >>> read_rows("carrier,distance\nUA,719\n", "rows.csv", [Feature("carrier", "string", max_length=2)])
        [{'carrier': 'UA', 'distance': 719}]
    """
    text = text.strip()
    rows = (_parse_json(text, where) if text[0] in "[{" else _parse_csv(text, where, features)) if text else []
    if not rows:
        raise FirelibError("expected rows, got none", where=where, remedy="pass JSON objects, or CSV with a header")
    return rows


def _parse_json(text: str, where: str) -> list[dict[str, Any]]:
    try:
        content = json.loads(text) if text[0] == "[" or "\n{" not in text else list(map(json.loads, text.splitlines()))
    except json.JSONDecodeError as error:
        raise FirelibError(f"invalid JSON: {error}", where=where, remedy="check quotes and commas") from None
    rows = content if isinstance(content, list) else [content]
    for index, row in enumerate(rows):
        if not isinstance(row, dict):
            raise FirelibError(
                f"row {index}: expected an object, got {row!r}", where=where, remedy='write it as {"feature": value, …}'
            )
    return rows


def _parse_csv(text: str, where: str, features: Sequence[Feature]) -> list[dict[str, Any]]:
    strings = {feature.name for feature in features if feature.dtype == "string"}
    reader = csv.DictReader(io.StringIO(text))
    rows = []
    for row in reader:
        surplus = row.pop(None, [])  # values after the last column; a missing value is None
        expected, actual = len(row), sum(value is not None for value in row.values()) + len(surplus)
        if actual != expected:
            raise FirelibError(
                f"line {reader.line_num}: expected {expected} values, got {actual}",
                where=where,
                remedy="check the commas, and quote values that contain one",
            )
        rows.append({name: _parse_value(value, name in strings) for name, value in row.items()})
    return rows


def _parse_value(text: str, is_string: bool) -> Any:
    """Parse a number; leave strings as they are, since `NAN` and `INF` are airports."""
    if text in ("", "NA"):
        return None
    for kind in () if is_string else (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def _to_table(rows: Sequence[Row], features: Sequence[Feature]) -> pa.Table:
    known = {feature.name for feature in features}
    problems = []
    for index, row in enumerate(rows):
        problems += [f"row {index}: unknown {name!r}: {did_you_mean(name, known)}" for name in sorted(set(row) - known)]
        for feature in features:
            problem = _validate(row.get(feature.name), feature)
            if problem:
                problems.append(f"row {index}: {feature.name}: {problem}")
    if problems:
        raise FirelibError(
            "\n".join(problems), where="the input rows", remedy="list the features with firelib data show"
        )
    return pa.table({feature.name: pa.array([_flatten(row.get(feature.name)) for row in rows]) for feature in features})


def _flatten(value: Any) -> Any:
    """Flatten an array to a list of numbers; return other values unchanged."""
    return np.ravel(value).tolist() if isinstance(value, list) else value


def _validate(value: Any, feature: Feature) -> str | None:
    """Describe what is wrong with a value; None if it is valid."""
    if value is None:
        return None if feature.nullable else "the value is missing"
    if feature.shape:
        return _validate_array(value, feature)
    if feature.dtype == "string":
        return _validate_string(value, feature)
    if feature.dtype in FLOATS | INTEGERS:
        return _validate_number(value, feature)
    return None


def _validate_number(value: object, feature: Feature) -> str | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return f"expected a number, got {value!r}"
    if feature.dtype in INTEGERS and isinstance(value, float) and not value.is_integer():
        return f"expected an integer, got {value!r}"
    if feature.range and not feature.range[0] <= value <= feature.range[1]:
        return f"expected a number within {feature.range}, got {value!r}"
    return None


def _validate_array(value: object, feature: Feature) -> str | None:
    """Accept nested lists of the feature's shape, or one flat list."""
    try:
        array = np.asarray(value)
    except ValueError:  # rows of different lengths
        return f"expected an array of shape {feature.shape}, got rows of different lengths"
    if array.dtype.kind not in "biuf" or array.shape not in (feature.shape, (math.prod(feature.shape),)):
        return f"expected an array of shape {feature.shape}, got {_abbreviate(value)}"
    if feature.dtype in INTEGERS and array.dtype.kind != "i":
        return f"expected integers, got {_abbreviate(value)}"
    low, high = feature.range or (_integer_range(feature.dtype) if feature.dtype in INTEGERS else (-math.inf, math.inf))
    if array.min() < low or array.max() > high:
        return f"expected numbers within {(low, high)}, got {array.min()} to {array.max()}"
    return None


def _integer_range(dtype: str) -> tuple[int, int]:
    return int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)


def _abbreviate(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"


def _validate_string(value: object, feature: Feature) -> str | None:
    assert feature.max_length is not None
    if not isinstance(value, str):
        return f"expected a string, got {value!r}"
    if len(value.encode()) > feature.max_length:
        return f"expected at most {feature.max_length} bytes, got {value!r}"
    return None
