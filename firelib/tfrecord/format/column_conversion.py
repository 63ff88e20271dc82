"""Convert decoded columns to NumPy, to Arrow, and to the plain arrays that tensors are built from."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from firelib.errors import FirelibError
from firelib.recipe import FLOATS, Feature
from firelib.tfrecord.format.fixed_decoder import Batch
from firelib.tfrecord.format.fixed_layout import has_fixed_size, numpy_dtype


def empty_columns(features: Sequence[Feature]) -> Batch:
    """Columns without rows."""
    return {feature.name: _empty_column(feature) for feature in features}


def concatenate(batches: Sequence[Batch]) -> Batch:
    """Concatenate the columns of several batches, at least one."""
    return {name: _concatenate([batch[name] for batch in batches]) for name in batches[0]}


def to_numpy(columns: Batch) -> Batch:
    """Convert Arrow arrays to NumPy arrays of objects: bytes, lists, or None where a record lacks the feature."""
    return {name: _to_objects(column) if isinstance(column, pa.Array) else column for name, column in columns.items()}


def to_arrow(columns: Batch, features: Sequence[Feature]) -> pa.Table:
    """Convert columns to a table.

    Args:
        columns: Feature name → column.
        features: The columns to take, in order.

    Returns:
        A table in which strings are UTF-8 and arrays are lists of fixed size.

    Raises:
        FirelibError: A value of a string feature is not valid UTF-8.
    """
    return pa.table({feature.name: _to_arrow(columns[feature.name], feature) for feature in features})


def to_dense(column: Any, feature: Feature) -> npt.NDArray[np.generic]:
    """Convert a column to an array with one value per row.

    Args:
        column: A NumPy array, or an Arrow array of values, binaries or lists of one length.
        feature: Its declaration.

    Returns:
        An array [rows, *shape]. Where a record lacks the feature, it holds NaN in floats, `missing` or 0 in integers,
        and an empty value in strings and bytes.
    """
    if not isinstance(column, pa.Array):
        return np.asarray(column)
    if pa.types.is_large_binary(column.type):
        return np.asarray(column.fill_null(b"").to_numpy(zero_copy_only=False), object)
    if pa.types.is_large_list(column.type):
        present = np.asarray(column.is_valid().to_numpy(zero_copy_only=False))
        out = np.full((len(column), *feature.shape), _fill_value(feature), numpy_dtype(feature))
        out[present] = column.drop_null().flatten().to_numpy(zero_copy_only=False).reshape(-1, *feature.shape)
        return out
    return np.asarray(column.fill_null(_fill_value(feature)).to_numpy(zero_copy_only=False), numpy_dtype(feature))


def to_ragged(column: pa.Array, feature: Feature) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.int64]]:
    """Convert a column of lists to flat values and row splits.

    Args:
        column: An Arrow array of large lists; null becomes an empty list.
        feature: Its declaration.

    Returns:
        The values of all rows, and int64 [rows + 1]: the index of each row's first value, and the end of the last row.
    """
    lengths = np.asarray(column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False), np.int64)
    values = column.flatten().to_numpy(zero_copy_only=False)
    return np.asarray(values, numpy_dtype(feature)), np.concatenate([[0], np.cumsum(lengths)])


def _fill_value(feature: Feature) -> Any:
    if feature.dtype in FLOATS:
        return float("nan")
    return False if feature.dtype == "bool" else feature.missing or 0


def _empty_column(feature: Feature) -> Any:
    if has_fixed_size(feature):
        return np.zeros((0, *feature.shape), numpy_dtype(feature))
    is_text = feature.dtype in ("string", "bytes")
    dtype = np.float32 if feature.dtype == "bfloat16" else feature.dtype  # Arrow has no bfloat16
    scalar = pa.large_binary() if is_text else pa.from_numpy_dtype(np.dtype(dtype))
    return pa.array([], pa.large_list(scalar) if feature.ragged or feature.shape else scalar)


def _concatenate(parts: list[Any]) -> Any:
    return pa.concat_arrays(parts) if isinstance(parts[0], pa.Array) else np.concatenate(parts)


def _to_objects(column: pa.Array) -> npt.NDArray[np.generic]:
    out = np.empty(len(column), object)
    if pa.types.is_large_binary(column.type):
        out[:] = column.to_numpy(zero_copy_only=False)
    else:
        out[:] = column.to_pylist()
    return out


def _to_arrow(column: Any, feature: Feature) -> pa.Array:
    if isinstance(column, pa.Array):
        return _to_text(column, feature) if feature.dtype == "string" else column
    if column.dtype.kind == "S":
        return _to_text(pa.array(column, pa.binary()), feature)
    if column.dtype.kind == "V":
        column = column.astype(np.float32)  # Arrow has no bfloat16
    if column.ndim == 1:
        return pa.array(column)
    return pa.FixedSizeListArray.from_arrays(pa.array(column.reshape(-1)), int(np.prod(column.shape[1:])))


def _to_text(column: pa.Array, feature: Feature) -> pa.Array:
    text = pa.large_string() if pa.types.is_large_binary(column.type) or feature.ragged else pa.string()
    try:
        return column.cast(pa.large_list(text) if feature.ragged else text)
    except pa.ArrowInvalid as error:
        raise FirelibError(
            f"a value is not valid UTF-8: {error}",
            where=f"feature {feature.name!r}",
            remedy='declare it with dtype="bytes"',
        ) from None
