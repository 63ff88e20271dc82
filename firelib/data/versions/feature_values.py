"""One value for each row of a feature, of which distributions can be compared: a number or a word."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from firelib.recipe import Feature

_MOST_ELEMENTS = 1 << 22  # of arrays that are converted at a time
_MOST_CHARACTERS = 100  # of a word: free text would fill the memory of the process that compares samples


def to_values(column: pa.ChunkedArray, feature: Feature) -> pa.Array:
    """Reduce a column to one value for each row.

    Args:
        column: The feature's column, as `cast_column` returns it.
        feature: Its declaration.

    Returns:
        Words as strings, of which the first 100 characters count; all else as float64: of an array or a list, the mean
        of its present elements; of bytes and of lists of words, their length. Missing values are null. Integers beyond
        2**53 are rounded.
    """
    column = column.combine_chunks()
    if feature.dtype in ("string", "bytes") and feature.ragged:
        return pc.list_value_length(column).cast(pa.float64())
    if feature.dtype == "string":
        return _drop_empty(pc.utf8_slice_codeunits(column, 0, _MOST_CHARACTERS).cast(pa.string()), column, feature)
    if feature.dtype == "bytes":
        return _drop_empty(pc.binary_length(column).cast(pa.float64()), column, feature)
    if feature.shape or feature.ragged:
        return _mean_elements(column, feature)
    return pa.array(_to_numbers(column, feature), from_pandas=True)


def _drop_empty(values: pa.Array, column: pa.Array, feature: Feature) -> pa.Array:
    """The values without those of empty texts and bytes, which are the missing ones of a nullable feature."""
    if not feature.nullable:
        return values
    return pc.if_else(pc.equal(pc.binary_length(column), 0), pa.scalar(None, values.type), values)


def _to_numbers(values: pa.Array, feature: Feature) -> npt.NDArray[np.float64]:
    """float64, with NaN for missing values."""
    if feature.missing is not None:
        is_missing = pc.equal(values, pa.scalar(feature.missing, values.type))
        values = pc.if_else(is_missing, pa.scalar(None, values.type), values)
    numbers: npt.NDArray[np.float64] = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return numbers


def _mean_elements(column: pa.Array, feature: Feature) -> pa.Array:
    """The mean of each row's present elements, for some rows at a time: as float64, pictures are eight times larger."""
    elements = pc.sum(pc.list_value_length(column)).as_py() or 0
    rows = max(1, len(column) * _MOST_ELEMENTS // max(1, elements))
    parts = [_mean_rows(column.slice(start, rows), feature) for start in range(0, len(column), rows)]
    return pa.array(np.concatenate([np.zeros(0), *parts]), from_pandas=True)


def _mean_rows(column: pa.Array, feature: Feature) -> npt.NDArray[np.float64]:
    numbers, rows = _to_numbers(pc.list_flatten(column), feature), pc.list_parent_indices(column).to_numpy()
    present = ~np.isnan(numbers)
    sums = np.bincount(rows[present], numbers[present], len(column))
    counts = np.bincount(rows[present], minlength=len(column))
    means = np.full(len(column), np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return means
