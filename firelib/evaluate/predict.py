"""Score a few raw rows given as JSON or CSV."""

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
_LONGEST = 60  # characters of a value in an error


def predict(
    rows: Sequence[Row], features: Sequence[Feature], model_folder: Path, classes: Sequence[str] = ()
) -> list[Any]:
    """One output a row: a number; or, from a model with several outputs, class → probability, the likeliest first.

    Args:
        rows: Feature name → raw value, arrays as lists; a nullable feature may be left out.
        features: The features that the model takes.
        model_folder: `models/<recipe>`.
        classes: What the outputs are called; their numbers by default.

    Raises:
        FirelibError: A value is missing, of the wrong type or out of range, or a name is unknown.
    """
    columns = to_columns(_table(rows, features), features)
    outputs: list[Any] = TrainedModel(model_folder).predict(columns).tolist()
    return [_named(output, classes) if isinstance(output, list) else output for output in outputs]


def _named(output: Sequence[float], classes: Sequence[str]) -> dict[str, float]:
    names = classes if len(classes) == len(output) else [str(index) for index in range(len(output))]
    pairs = zip(names, output, strict=True)
    return dict(sorted(pairs, key=lambda pair: -pair[1]))


def read_rows(text: str, where: str, features: Sequence[Feature]) -> list[dict[str, Any]]:
    """Rows from JSON (one object, a list, or one object a line) or from CSV with a header.

    Raises:
        FirelibError: There are none, or they are neither.
    """
    text = text.strip()
    if not text:
        raise FirelibError("there are no rows", where=where, remedy="give JSON objects, or CSV with a header")
    rows = _from_json(text, where) if text[0] in "[{" else _from_csv(text, where, features)
    if not rows:
        raise FirelibError("there are no rows", where=where, remedy="give JSON objects, or CSV with a header")
    return rows


def _from_json(text: str, where: str) -> list[dict[str, Any]]:
    try:
        content = json.loads(text) if text[0] == "[" or "\n{" not in text else list(map(json.loads, text.splitlines()))
    except json.JSONDecodeError as error:
        raise FirelibError(f"not JSON: {error}", where=where, remedy="check the quotes and commas") from None
    rows = content if isinstance(content, list) else [content]
    for index, row in enumerate(rows):
        if not isinstance(row, dict):
            raise FirelibError(f"row {index} is {row!r}, no object", where=where, remedy='{"feature": value, …}')
    return rows


def _from_csv(text: str, where: str, features: Sequence[Feature]) -> list[dict[str, Any]]:
    words = {feature.name for feature in features if feature.dtype == "string"}
    reader = csv.DictReader(io.StringIO(text), restkey="", restval=None)
    rows = []
    for row in reader:
        if "" in row or None in row.values():
            columns = len(reader.fieldnames or ())
            raise FirelibError(
                f"line {reader.line_num} has not {columns} values", where=where, remedy="check the commas"
            )
        rows.append({name: _value(value, name in words) for name, value in row.items()})
    return rows


def _value(text: str, is_word: bool) -> Any:
    """A word stays as it is written: `NAN` and `INF` are airports."""
    if text in ("", "NA"):
        return None
    for kind in () if is_word else (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def _table(rows: Sequence[Row], features: Sequence[Feature]) -> pa.Table:
    known = {feature.name for feature in features}
    problems = []
    for index, row in enumerate(rows):
        problems += [f"row {index}: unknown {name!r}: {did_you_mean(name, known)}" for name in sorted(set(row) - known)]
        for feature in features:
            problem = _problem(row.get(feature.name), feature)
            if problem:
                problems.append(f"row {index}: {feature.name} {problem}")
    if problems:
        raise FirelibError("\n".join(problems), where="the rows given", remedy="firelib data show lists the features")
    return pa.table({feature.name: pa.array([_flat(row.get(feature.name)) for row in rows]) for feature in features})


def _flat(value: Any) -> Any:
    """An array as the list of its numbers; anything else as it is."""
    return np.ravel(value).tolist() if isinstance(value, list) else value


def _problem(value: Any, feature: Feature) -> str | None:
    if value is None:
        return None if feature.nullable else "is missing"
    if feature.shape:
        return _problem_of_array(value, feature)
    if feature.dtype == "string":
        return _problem_of_word(value, feature)
    if feature.dtype in FLOATS | INTEGERS:
        if not isinstance(value, int | float) or isinstance(value, bool):
            return f"should be a number, got {value!r}"
        if feature.dtype in INTEGERS and isinstance(value, float) and not value.is_integer():
            return f"should be a whole number, got {value!r}"
        if feature.range and not feature.range[0] <= value <= feature.range[1]:
            return f"should be within {feature.range}, got {value!r}"
    return None


def _problem_of_array(value: object, feature: Feature) -> str | None:
    """Arrays come as nested lists, or as one flat list."""
    try:
        array = np.asarray(value)
    except ValueError:  # rows of different lengths
        return f"should be an array of shape {feature.shape}, got rows of different lengths"
    if array.dtype.kind not in "biuf" or array.shape not in (feature.shape, (math.prod(feature.shape),)):
        return f"should be an array of shape {feature.shape}, got {_short(value)}"
    if feature.dtype in INTEGERS and array.dtype.kind != "i":
        return f"should hold whole numbers, got {_short(value)}"
    low, high = feature.range or (_bounds(feature.dtype) if feature.dtype in INTEGERS else (-math.inf, math.inf))
    if array.min() < low or array.max() > high:
        return f"should be within {(low, high)}, got {array.min()} to {array.max()}"
    return None


def _bounds(integer: str) -> tuple[int, int]:
    return int(np.iinfo(integer).min), int(np.iinfo(integer).max)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _problem_of_word(value: object, feature: Feature) -> str | None:
    assert feature.max_length is not None
    if not isinstance(value, str):
        return f"should be a string, got {value!r}"
    if len(value.encode()) > feature.max_length:
        return f"should have at most {feature.max_length} bytes, got {value!r}"
    return None
