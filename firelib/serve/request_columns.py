"""Convert the rows of a request to columns: valid rows at the speed of NumPy, all others by the reader of files."""

from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from firelib.evaluate.input_rows.default_values import has_defaults
from firelib.evaluate.input_rows.prepare import has_prepare
from firelib.evaluate.input_rows.problems import RowProblems
from firelib.evaluate.input_rows.read import from_json
from firelib.evaluate.input_rows.validation import find_problems
from firelib.recipe import FLOATS, Feature, Recipe
from firelib.serve.request_body import RequestRows
from firelib.tfrecord.format.arrow_columns import to_columns
from firelib.tfrecord.format.fixed_layout import has_fixed_size, numpy_dtype

_NONE = type(None)


class Doubtful(Exception):  # noqa: N818  no error: the reader of files decides
    """The quick conversion cannot tell whether a value is valid."""


def convert_rows(rows: RequestRows, recipe: Recipe) -> tuple[dict[str, Any] | None, RowProblems]:
    """Convert rows of JSON to columns, as `firelib predict` does.

    Args:
        rows: The rows of a request.
        recipe: Declares the features.

    Returns:
        Feature name → column, as `firelib.evaluate.input_rows.validation.validate` returns it, or None if a row is
        invalid; and the problems of the rows.

    Raises:
        UnpreparedRowsError: The recipe's `prepare` cannot take the rows.
        FirelibError: `prepare` returns other rows.
    """
    columns = convert_quickly(rows, recipe)
    if columns is not None:
        return columns, RowProblems(rows.count)
    read = from_json(rows.to_rows(), recipe, "the request")
    cast = find_problems(read, recipe.features)
    return (None if read.problems.count else to_columns(cast, recipe.features)), read.problems


def convert_quickly(rows: RequestRows, recipe: Recipe) -> dict[str, Any] | None:
    """Convert rows whose values are obviously valid.

    Args:
        rows: The rows of a request.
        recipe: Declares the features.

    Returns:
        Feature name → column; None if the reader of files must decide.
    """
    if has_prepare(recipe) or has_defaults(recipe):
        return None
    try:
        return {feature.name: _convert(_take(rows, feature.name), feature) for feature in recipe.features}
    except Doubtful:
        return None


def _take(rows: RequestRows, name: str) -> list[Any]:
    try:
        return rows.take(name)
    except KeyError:
        raise Doubtful from None


def _convert(values: list[Any], feature: Feature) -> Any:
    if feature.optional or feature.dtype == "bytes":
        raise Doubtful
    if feature.shape or feature.ragged:
        return _convert_lists(values, feature)
    kinds = set(map(type, values))
    if _NONE in kinds:
        values, kinds = _fill(values, feature), kinds - {_NONE}
    if feature.dtype == "string":
        return _convert_strings(values, kinds, feature)
    return _convert_numbers(values, kinds, feature)


def _fill(values: list[Any], feature: Feature) -> list[Any]:
    """Replace missing values of a nullable feature, as the writer of datasets does."""
    if not feature.nullable:
        raise Doubtful
    fill = "" if feature.dtype == "string" else float("nan") if feature.dtype in FLOATS else feature.missing
    return [fill if value is None else value for value in values]


def _convert_strings(values: list[Any], kinds: set[type], feature: Feature) -> Any:
    if not kinds <= {str}:
        raise Doubtful
    try:
        encoded = [value.encode() for value in values]
    except UnicodeEncodeError:
        raise Doubtful from None
    if feature.max_length and max(map(len, encoded)) > feature.max_length:
        raise Doubtful
    if not has_fixed_size(feature):
        return pa.array(values, pa.large_string())
    if any(value.endswith(b"\0") for value in encoded):
        raise Doubtful
    return np.array(encoded, numpy_dtype(feature))


def _convert_numbers(values: Any, kinds: set[type], feature: Feature) -> npt.NDArray[np.generic]:
    """Numbers [rows] or [rows, values] of the feature's dtype, all within its range."""
    if feature.dtype == "bool":
        if not kinds <= {bool}:
            raise Doubtful
        return np.array(values, numpy_dtype(feature))
    if not kinds <= ({int, float} if feature.dtype in FLOATS else {int}):
        raise Doubtful
    try:
        exact = np.array(values, np.float64 if feature.dtype in FLOATS else np.int64)
    except (OverflowError, ValueError):
        raise Doubtful from None
    return _cast_floats(exact, feature) if feature.dtype in FLOATS else _cast_integers(exact, feature)


def _cast_floats(exact: npt.NDArray[Any], feature: Feature) -> npt.NDArray[np.generic]:
    """Floats of the feature's dtype; the range is that of the rounded values. NaN must be a missing value."""
    with np.errstate(over="ignore"):
        cast = exact.astype(numpy_dtype(feature))
    low, high = feature.range or (-np.inf, np.inf)
    rounded = exact.astype(np.float32).astype(np.float64) if feature.dtype == "bfloat16" else cast.astype(np.float64)
    valid = (rounded >= low) & (rounded <= high) & np.isfinite(cast.astype(np.float64))
    if not (valid | np.isnan(exact) if feature.nullable else valid).all():
        raise Doubtful
    return cast


def _cast_integers(exact: npt.NDArray[Any], feature: Feature) -> npt.NDArray[np.generic]:
    info = np.iinfo(feature.dtype)
    low, high = feature.range or (info.min, info.max)
    valid = (exact >= max(low, info.min)) & (exact <= min(high, info.max))
    if feature.missing is not None:
        valid |= exact == feature.missing
    if not valid.all():
        raise Doubtful
    return exact.astype(numpy_dtype(feature))


def _convert_lists(values: list[Any], feature: Feature) -> Any:
    if feature.nullable or set(map(type, values)) != {list}:
        raise Doubtful
    flat = values if feature.ragged else _flatten(values, feature.shape)
    items = list(chain.from_iterable(flat)) if feature.ragged else flat
    kinds = set(map(type, items))
    if feature.ragged:
        return _convert_ragged(values, items, kinds, feature)
    return _convert_numbers(items, kinds, feature).reshape(len(values), *feature.shape)


def _flatten(values: list[Any], shape: tuple[int, ...]) -> list[Any]:
    """All numbers of nested lists, whose sizes must be those of the shape at each level."""
    for size in shape:
        if set(map(_size, values)) - {size}:
            raise Doubtful
        values = list(chain.from_iterable(values))
    return values


def _size(value: Any) -> int:
    if not isinstance(value, list):
        raise Doubtful
    return len(value)


def _convert_ragged(values: list[Any], items: list[Any], kinds: set[type], feature: Feature) -> pa.Array:
    if feature.dtype == "string":
        if not kinds <= {str} or feature.max_length:
            raise Doubtful
        scalar: pa.DataType = pa.large_string()
    else:
        _convert_numbers(items, kinds, feature)
        if feature.dtype == "bfloat16":
            raise Doubtful
        scalar = pa.from_numpy_dtype(numpy_dtype(feature))
    try:
        return pa.array(values, pa.large_list(scalar))
    except (pa.ArrowInvalid, UnicodeEncodeError):
        raise Doubtful from None
