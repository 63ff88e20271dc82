"""Validate rows to score as the rows of a dataset are validated."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from firelib.data.row_validation import find_violations
from firelib.errors import FirelibError
from firelib.evaluate.input_rows.problems import RowProblems, abbreviate
from firelib.evaluate.input_rows.read import InputRows
from firelib.recipe import Feature
from firelib.tfrecord.format.arrow_columns import cast_column, to_columns


def validate(rows: InputRows, features: Sequence[Feature]) -> dict[str, Any]:
    """Apply the rules that `firelib transform` applies to the rows of a dataset.

    Args:
        rows: The rows.
        features: The features.

    Returns:
        Feature name → column, as `to_columns` returns it.

    Raises:
        FirelibError: A row breaks a declaration. All rows are checked and counted, and the first ten are described.
    """
    cast = find_problems(rows, features)
    rows.problems.require_none(rows.where)
    return to_columns(cast, features)


def find_problems(rows: InputRows, features: Sequence[Feature]) -> pa.Table:
    """Add to `rows.problems` what breaks a declaration.

    Args:
        rows: The rows.
        features: The features.

    Returns:
        The features' columns in their types, for `to_columns`; null where a value does not have the type.
    """
    cast = {feature.name: _cast(rows.columns[feature.name], feature, rows.problems) for feature in features}
    for feature in features:
        for reason, broken in find_violations(cast[feature.name], feature):
            describe = _describe(reason, rows.columns[feature.name])
            rows.problems.add(feature.name, broken.to_numpy(zero_copy_only=False), describe)
    return pa.table(cast)


def _describe(problem: str, column: pa.ChunkedArray) -> Callable[[int], str]:
    def describe(row: int) -> str:
        value = column[row].as_py()
        return problem if value is None else f"{problem}, got {abbreviate(value)}"

    return describe


def _cast(column: pa.ChunkedArray, feature: Feature, problems: RowProblems) -> pa.ChunkedArray:
    """Cast a column to its feature's type; values that the type cannot represent become null, and a problem."""
    invalid: list[int] = []
    pieces = list(_cast_pieces(column, feature, 0, invalid))
    broken = np.isin(np.arange(len(column)), invalid)
    problems.add(feature.name, broken, _describe(f"{feature.name}: expected {feature.dtype}", column))
    return pa.chunked_array([chunk for piece in pieces for chunk in piece.chunks], pieces[0].type)


def _cast_pieces(
    column: pa.ChunkedArray, feature: Feature, start: int, invalid: list[int]
) -> Iterator[pa.ChunkedArray]:
    """Cast a column in as few pieces as it takes to find the invalid rows, by halving the pieces that fail."""
    try:
        yield cast_column(pa.table({feature.name: column}), feature)
    except FirelibError:
        if len(column) == 1:
            invalid.append(start)
            yield cast_column(pa.table({feature.name: pa.nulls(1)}), feature)
            return
        half = len(column) // 2
        yield from _cast_pieces(column.slice(0, half), feature, start, invalid)
        yield from _cast_pieces(column.slice(half), feature, start + half, invalid)
