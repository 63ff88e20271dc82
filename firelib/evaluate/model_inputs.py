"""Convert columns to the values that a model gets in training."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from firelib.recipe import Feature
from firelib.tfrecord.format.column_conversion import to_dense, to_ragged
from firelib.tfrecord.format.fixed_layout import has_fixed_size, numpy_dtype

_TEXT = ("string", "bytes")


def to_model_inputs(columns: Mapping[str, Any], features: Sequence[Feature]) -> dict[str, Any]:
    """Convert columns to the values that a model gets in training.

    Args:
        columns: Feature name → column, as `firelib.tfrecord.format.arrow_columns.to_columns` or `Dataset.as_numpy`
            returns it.
        features: The features to convert.

    Returns:
        Feature name → array [rows, *shape], or a ragged tensor for a ragged feature. Where a row lacks an optional
        feature, it holds NaN in floats, `missing` or 0 in integers, and an empty value in strings, bytes and lists.
    """
    return {feature.name: _to_model_input(columns[feature.name], feature) for feature in features}


def _to_model_input(column: Any, feature: Feature) -> Any:
    if has_fixed_size(feature):
        return column
    column = _to_binary(_to_arrow(column, feature), feature)
    return _to_ragged_tensor(column, feature) if feature.ragged else to_dense(column, feature)


def _to_ragged_tensor(column: pa.Array, feature: Feature) -> Any:
    import tensorflow as tf

    values, splits = to_ragged(column, feature)
    dtype = tf.string if feature.dtype in _TEXT else tf.as_dtype(numpy_dtype(feature))
    return tf.RaggedTensor.from_row_splits(tf.constant(values.tolist(), dtype), splits)


def _to_arrow(column: Any, feature: Feature) -> pa.Array:
    """Convert a NumPy array of objects, which `Dataset.as_numpy` returns for features without a fixed size."""
    if isinstance(column, pa.Array):
        return column
    if feature.dtype in _TEXT:
        scalar: pa.DataType = pa.large_binary()
    else:
        scalar = pa.float32() if feature.dtype == "bfloat16" else pa.from_numpy_dtype(np.dtype(feature.dtype))
    return pa.array(column.tolist(), pa.large_list(scalar) if feature.ragged or feature.shape else scalar)


def _to_binary(column: pa.Array, feature: Feature) -> pa.Array:
    """Encode text as UTF-8, as records hold it; make lists large."""
    if feature.dtype in _TEXT:
        return column.cast(pa.large_list(pa.large_binary()) if feature.ragged else pa.large_binary())
    return column.cast(pa.large_list(column.type.value_type)) if feature.ragged or feature.shape else column
