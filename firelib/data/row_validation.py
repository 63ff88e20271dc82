"""Validate rows: count the rows that the recipe excludes, and set aside the rows that break a declaration."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from firelib.data.row_masks import exclude_rows, find_masks
from firelib.errors import FirelibError
from firelib.recipe import FLOATS, Feature, Recipe, TaskKind, infer_task
from firelib.tfrecord.format.arrow_columns import cast_column, utf8_lengths
from firelib.tfrecord.format.fixed_layout import has_fixed_size

#: Column with the reason why a row is set aside. The column and the reasons are persisted in rejected.parquet and in
#: the manifest, so they do not change.
REASON = "rejected_because"

_BFLOAT16_OVERFLOW = (2 - 2**-8) * 2.0**127  # bfloat16 rounds this value, and larger ones, to infinity


@dataclass(frozen=True)
class ValidatedRows:
    """The rows of a partition after validation.

    Attributes:
        valid: Rows that become samples.
        set_aside: Rows that break a declaration, with the reason in column `REASON`.
        excluded: Reason → number of rows that the recipe excludes.
    """

    valid: pa.Table
    set_aside: pa.Table
    excluded: Counter[str] = field(default_factory=Counter)


def validate_rows(rows: pd.DataFrame, recipe: Recipe) -> ValidatedRows:
    """Apply the recipe's exclusions, then its declarations, then its rules for rows (`Recipe.set_aside`).

    Args:
        rows: Rows that the recipe's `transform` returns.
        recipe: Excludes rows, and declares features and label.

    Raises:
        FirelibError: A column is missing or has the wrong type, or the label of a row that is not excluded is null.
    """
    rows, excluded = exclude_rows(rows, recipe)
    table = to_arrow(rows, recipe)
    check_label(rows, table, recipe)
    reasons = np.full(table.num_rows, None, dtype=object)
    for feature in (*recipe.features, recipe.label):
        for reason, broken in find_violations(cast_column(table, feature), feature):
            if pc.any(broken).as_py():  # of most rules, no row is, and comparing objects takes longest
                _set_reason(reasons, broken.to_numpy(zero_copy_only=False), reason)
    for reason, mask in find_masks(rows, recipe, "set_aside").items():
        _set_reason(reasons, mask, reason)
    invalid = pd.notna(reasons)
    set_aside = table.filter(pa.array(invalid)).append_column(REASON, pa.array(reasons[invalid], pa.string()))
    valid = table.filter(pa.array(~invalid)) if invalid.any() else table
    return ValidatedRows(valid, set_aside, excluded)


def _set_reason(reasons: npt.NDArray[np.object_], broken: npt.NDArray[np.bool_], reason: str) -> None:
    """Give broken rows a reason, unless they have one."""
    indexes = np.flatnonzero(broken)
    reasons[[index for index in indexes if reasons[index] is None]] = reason


def to_arrow(rows: pd.DataFrame, recipe: Recipe) -> pa.Table:
    """The rows as an Arrow table.

    Args:
        rows: Rows that the recipe's `transform` returns.
        recipe: Declares the shapes of arrays.

    Raises:
        FirelibError: A column has values of different types.
    """
    arrays = [feature.name for feature in (*recipe.features, recipe.label) if len(feature.shape) > 1]
    if arrays:
        rows = rows.assign(**{name: _flatten(rows[name]) for name in arrays if name in rows.columns})
    try:
        table = pa.Table.from_pandas(rows, preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise FirelibError(
            f"a column has values of different types: {'; '.join(map(str, error.args))}",
            where="the table that the recipe's transform returns",
            remedy="convert the column in the recipe's transform",
        ) from None
    # pandas cannot parse the names of Arrow's dtypes with parameters, which from_pandas puts into the metadata.
    has_arrow_dtypes = any(isinstance(dtype, pd.ArrowDtype) for dtype in rows.dtypes)
    return table.replace_schema_metadata(None) if has_arrow_dtypes else table


def _flatten(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """A column of arrays with one axis: Arrow takes no others. Values of other kinds stay as they are."""
    if column.dtype != object:
        return column
    values = [value.ravel() if isinstance(value, np.ndarray) else value for value in column]
    return pd.Series(values, column.index, dtype=object)


def check_label(rows: pd.DataFrame, table: pa.Table, recipe: Recipe) -> None:
    """Check that every row has a label, and that classes are whole numbers.

    Args:
        rows: Rows that are not excluded.
        table: The same rows, as `to_arrow` returns them.
        recipe: Declares label and key.

    Raises:
        FirelibError: A label is missing, or is no class.
    """
    labels = cast_column(table, recipe.label)
    if labels.null_count:
        without = rows[pd.array(labels.is_null().to_numpy(), dtype=bool)]
        example = ", ".join(f"{column}={without[column].iloc[0]}" for column in recipe.key)
        raise FirelibError(
            f"the label {recipe.label.name!r} is null in {labels.null_count} rows",
            where=f"the row with {example}, for example",
            remedy="exclude these rows in the recipe (Recipe.exclude)",
        )
    if recipe.label.dtype in FLOATS and infer_task(recipe.label) is TaskKind.BINARY:
        _check_float_classes(labels, recipe.label)


def _check_float_classes(labels: pa.ChunkedArray, label: Feature) -> None:
    """Refuse fractions in a label that is 0 or 1 by its declaration; rows outside the range are set aside later."""
    fractions = labels.filter(pc.and_(pc.greater(labels, 0), pc.less(labels, 1)))
    if len(fractions):
        raise FirelibError(
            f"expected 0 or 1 in the label {label.name!r}, got {fractions[0].as_py()}",
            where=f"label {label.name!r}, range {label.range}",
            remedy="for a class, give the label the values 0 and 1; for a number to estimate, such as a share, drop "
            "its range",
        )


def find_violations(column: pa.ChunkedArray, feature: Feature) -> Iterator[tuple[str, pa.Array]]:
    """Apply the rules that a feature declares; `firelib predict` applies them, too.

    Args:
        column: The feature's column, as `cast_column` returns it.
        feature: Its declaration.

    Yields:
        For each rule: the reason that a broken row gets, and the boolean mask of these rows.
    """
    if not (feature.nullable or feature.optional):
        yield f"{feature.name} is missing", _is_missing(column, feature.dtype)
    if feature.shape or feature.ragged:
        yield from _array_violations(column.combine_chunks(), feature)
    else:
        yield from _value_violations(column, feature)


def _value_violations(column: Any, feature: Feature) -> Iterator[tuple[str, pa.Array]]:
    """The rules for single values, or for the elements of an array."""
    if feature.dtype == "string" and feature.max_length:
        yield from _string_violations(column, feature)
    elif feature.dtype not in ("string", "bytes", "bool"):
        yield from _number_violations(column, feature)


def _string_violations(column: pa.ChunkedArray, feature: Feature) -> Iterator[tuple[str, pa.Array]]:
    too_long = pc.greater(utf8_lengths(column), feature.max_length)
    yield f"{feature.name} is longer than {feature.max_length} bytes", too_long.fill_null(False)
    if has_fixed_size(feature):
        yield f"{feature.name} ends with NUL, as padding does", pc.ends_with(column, "\0").fill_null(False)


def _number_violations(column: pa.ChunkedArray, feature: Feature) -> Iterator[tuple[str, pa.Array]]:
    if feature.dtype in FLOATS:
        infinite = pc.is_inf(column)
        if feature.dtype == "bfloat16":  # Arrow has no bfloat16, so the column is float32
            infinite = pc.greater_equal(pc.abs(column), _BFLOAT16_OVERFLOW)
        yield f"{feature.name} is infinite", infinite.fill_null(False)
    if feature.range:
        low, high = feature.range
        outside = pc.or_(pc.less(column, low), pc.greater(column, high)).fill_null(False)
        if feature.missing is not None:
            outside = pc.and_(outside, pc.not_equal(column, feature.missing).fill_null(False))
        yield f"{feature.name} is outside [{low:g}, {high:g}]", outside


def _array_violations(column: pa.ListArray, feature: Feature) -> Iterator[tuple[str, pa.Array]]:
    """The rules for arrays and lists: the rule for their size, and the rules for their elements."""
    if feature.shape:
        size = prod(feature.shape)
        yield f"{feature.name} has not {size} values", pc.not_equal(pc.list_value_length(column), size).fill_null(False)
    elements = pc.list_flatten(column)
    rules = list(_value_violations(elements, feature))
    if not feature.nullable or not has_fixed_size(feature):
        dtype = feature.dtype if not feature.nullable else ""  # in a nullable array, NaN is a missing value
        rules.append((f"{feature.name} lacks a value", _is_missing(elements, dtype)))
    for reason, broken in rules:
        yield reason, _mask_rows(column, broken)


def _mask_rows(column: pa.ListArray, broken: pa.Array) -> pa.Array:
    """Mask of the rows whose array has a broken element.

    Usually no element is broken; this case allocates nothing of the size of the elements.
    """
    if not pc.any(broken).as_py():
        return pa.array(np.zeros(len(column), dtype=bool))
    rows = pc.list_parent_indices(column).filter(broken).cast(pa.int64())
    return pc.is_in(pa.array(range(len(column))), value_set=rows)


def _is_missing(column: pa.Array, dtype: str) -> pa.Array:
    return pc.is_null(column, nan_is_null=dtype in FLOATS)
