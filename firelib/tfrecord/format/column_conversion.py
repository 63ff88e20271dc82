"""Columns in the forms that users take: NumPy, Arrow, and the plain arrays that tensors are made of."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from firelib.errors import FirelibError
from firelib.recipe import FLOATS, Feature
from firelib.tfrecord.format.fixed_decoder import Batch
from firelib.tfrecord.format.fixed_layout import has_fixed_size, numpy_dtype


def blank(features: Sequence[Feature]) -> Batch:
    """Columns of no rows."""
    return {feature.name: _blank(feature) for feature in features}


def concatenated(parts: Sequence[Batch]) -> Batch:
    """Columns of several batches, one behind the other."""
    return {name: _concatenated([part[name] for part in parts]) for name in parts[0]}


def to_numpy(columns: Batch) -> Batch:
    """Arrow arrays as NumPy's of objects: bytes, lists; None where a record lacks the feature."""
    return {name: _objects(column) if isinstance(column, pa.Array) else column for name, column in columns.items()}


def to_arrow(columns: Batch, features: Sequence[Feature]) -> pa.Table:
    """A table: strings as UTF-8, arrays as lists of fixed size."""
    return pa.table({feature.name: _arrow(columns[feature.name], feature) for feature in features})


def dense(column: Any, feature: Feature) -> npt.NDArray[np.generic]:
    """One value a row: what a record lacks is NaN, `missing` (else 0), or empty."""
    if not isinstance(column, pa.Array):
        return np.asarray(column)
    if pa.types.is_large_binary(column.type):
        return np.asarray(column.fill_null(b"").to_numpy(zero_copy_only=False), object)
    if pa.types.is_large_list(column.type):
        present = np.asarray(column.is_valid().to_numpy(zero_copy_only=False))
        out = np.full((len(column), *feature.shape), _absent(feature), numpy_dtype(feature))
        out[present] = column.drop_null().flatten().to_numpy(zero_copy_only=False).reshape(-1, *feature.shape)
        return out
    return np.asarray(column.fill_null(_absent(feature)).to_numpy(zero_copy_only=False), numpy_dtype(feature))


def ragged(column: pa.Array, feature: Feature) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.int64]]:
    """A column of lists as all values, and where each row begins and the last ends; a missing list is empty."""
    lengths = np.asarray(column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False), np.int64)
    values = column.flatten().to_numpy(zero_copy_only=False)
    return np.asarray(values, numpy_dtype(feature)), np.concatenate([[0], np.cumsum(lengths)])


def _absent(feature: Feature) -> Any:
    if feature.dtype in FLOATS:
        return float("nan")
    return False if feature.dtype == "bool" else feature.missing or 0


def _blank(feature: Feature) -> Any:
    if has_fixed_size(feature):
        return np.zeros((0, *feature.shape), numpy_dtype(feature))
    text = feature.dtype in ("string", "bytes")
    plain = np.float32 if feature.dtype == "bfloat16" else feature.dtype
    scalar = pa.large_binary() if text else pa.from_numpy_dtype(np.dtype(plain))
    return pa.array([], pa.large_list(scalar) if feature.ragged or feature.shape else scalar)


def _concatenated(parts: list[Any]) -> Any:
    return pa.concat_arrays(parts) if isinstance(parts[0], pa.Array) else np.concatenate(parts)


def _objects(column: pa.Array) -> npt.NDArray[np.generic]:
    out = np.empty(len(column), object)
    if pa.types.is_large_binary(column.type):
        out[:] = column.to_numpy(zero_copy_only=False)
    else:
        out[:] = column.to_pylist()
    return out


def _arrow(column: Any, feature: Feature) -> pa.Array:
    if isinstance(column, pa.Array):
        return _text(column, feature) if feature.dtype == "string" else column
    if column.dtype.kind == "S":
        return _text(pa.array(column, pa.binary()), feature)
    if column.dtype.kind == "V":
        column = column.astype(np.float32)  # Arrow has no bfloat16
    if column.ndim == 1:
        return pa.array(column)
    return pa.FixedSizeListArray.from_arrays(pa.array(column.reshape(-1)), int(np.prod(column.shape[1:])))


def _text(column: pa.Array, feature: Feature) -> pa.Array:
    text = pa.large_string() if pa.types.is_large_binary(column.type) or feature.ragged else pa.string()
    try:
        return column.cast(pa.large_list(text) if feature.ragged else text)
    except pa.ArrowInvalid as error:
        raise FirelibError(
            f"a value is no text: {error}", where=f"feature {feature.name!r}", remedy="declare it bytes"
        ) from None
