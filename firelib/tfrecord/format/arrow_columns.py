"""Arrow tables to the NumPy columns that records are made of: exact types, declared stand-ins for missing values."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from firelib.errors import FirelibError, did_you_mean
from firelib.recipe import FLOATS, Feature
from firelib.tfrecord.format.fixed_layout import has_fixed_size, numpy_dtype


def to_columns(table: pa.Table, features: Sequence[Feature]) -> dict[str, Any]:
    """One array a feature.

    Returns:
        Feature name → NumPy array [rows, *shape] of the feature's dtype; bounded strings are `S<max_length>`.
        Features without a fixed size are Arrow arrays (large strings, binaries, lists), nulls where a row lacks them.

    Raises:
        FirelibError: A column is missing, has a value of another type, a null in a feature that is not
            nullable, or a string that is too long.
    """
    return {feature.name: to_column(table, feature) for feature in features}


def to_column(table: pa.Table, feature: Feature) -> Any:
    """One feature's values; see `to_columns`."""
    column = cast(table, feature)
    if column.null_count and not (feature.nullable or feature.optional):
        raise FirelibError(
            f"{column.null_count} values are missing in column {feature.name!r}",
            where=f"feature {feature.name!r}",
            remedy="fill or exclude them in the recipe, or declare it nullable",
        )
    if not has_fixed_size(feature):
        return _variable(column, feature)
    if feature.dtype == "string":
        return _strings(column, feature)
    flat = _elements(column, feature) if feature.shape else column
    return _numbers(flat, feature).reshape(len(column), *feature.shape)


def cast(table: pa.Table, feature: Feature) -> pa.ChunkedArray:
    """A column in the feature's Arrow type, nulls kept.

    Raises:
        FirelibError: The column is missing or holds a value that is not of the type.
    """
    if feature.name not in table.column_names:
        raise FirelibError(
            f"there is no column {feature.name!r}",
            where="the table that the recipe's transform returns",
            remedy=did_you_mean(feature.name, table.column_names),
        )
    column = table[feature.name]
    try:
        return _flat_lists(column, feature).cast(_arrow_type(feature))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise FirelibError(
            f"column {feature.name!r} should be {feature.dtype} but is {column.type}: {error}",
            where=f"feature {feature.name!r}",
            remedy="convert it in the recipe's transform, or correct the feature's dtype",
        ) from None


def string_bytes(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Length of each string in UTF-8 bytes."""
    return pc.binary_length(column)


def _arrow_type(feature: Feature) -> pa.DataType:
    """The Arrow type of a column; bfloat16, which Arrow lacks, comes as float32."""
    scalars = {"bool": pa.bool_(), "string": pa.string(), "bytes": pa.large_binary(), "bfloat16": pa.float32()}
    scalar = scalars.get(feature.dtype) or pa.from_numpy_dtype(np.dtype(feature.dtype))
    if feature.dtype == "string" and not has_fixed_size(feature):
        scalar = pa.large_string()
    if feature.ragged:
        return pa.large_list(scalar)
    return pa.list_(scalar) if feature.shape else scalar


def _variable(column: pa.ChunkedArray, feature: Feature) -> pa.Array:
    """A column whose values differ in size, or are not always there."""
    array = column.combine_chunks()
    array = pa.concat_arrays(array.chunks) if isinstance(array, pa.ChunkedArray) else array
    if feature.nullable and array.null_count:
        array = array.fill_null(pa.scalar([] if feature.ragged else _stand_in(feature), array.type))
    if feature.shape:
        _check_sizes(array, feature)
    items = array.flatten() if feature.ragged or feature.shape else array
    if items is not array and items.null_count:
        raise FirelibError(
            f"{items.null_count} values are missing inside lists",
            where=f"feature {feature.name!r}",
            remedy="fill or drop them in the recipe",
        )
    _check_lengths(items, feature)
    if feature.dtype not in ("string", "bytes", "bool"):
        check_bounds(items.drop_null().to_numpy(zero_copy_only=False), feature)
    return array


def _stand_in(feature: Feature) -> Any:
    if feature.dtype in ("string", "bytes"):
        return b"" if feature.dtype == "bytes" else ""
    return float("nan") if feature.dtype in FLOATS else feature.missing


def _check_lengths(array: pa.Array, feature: Feature) -> None:
    if not feature.max_length:
        return
    longest = pc.max(string_bytes(array)).as_py() or 0
    if longest > feature.max_length:
        raise FirelibError(
            f"a value has {longest} bytes, more than {feature.max_length}",
            where=f"feature {feature.name!r}",
            remedy=f"max_length={longest}, or shorten it in the recipe",
        )


def _numbers(column: pa.ChunkedArray, feature: Feature) -> npt.NDArray[np.generic]:
    if column.null_count:
        column = column.fill_null(pa.scalar(_stand_in(feature), column.type))
    values: npt.NDArray[np.generic] = column.to_numpy().astype(numpy_dtype(feature), copy=False)
    check_bounds(values, feature)
    return values


def check_bounds(values: npt.NDArray[np.generic], feature: Feature) -> None:
    """Refuse a value outside the declared range; NaN and the stand-in for missing are inside."""
    if not feature.range or not len(values):
        return
    low, high = feature.range
    wrong = (values < low) | (values > high)  # type: ignore[operator]  # numbers, by the caller
    if feature.missing is not None:
        wrong &= values != feature.missing
    if wrong.any():
        raise FirelibError(
            f"{values[wrong][0]} is outside {feature.range}",
            where=f"feature {feature.name!r}",
            remedy="widen the range, or exclude the row in the recipe",
        )


def _strings(column: pa.ChunkedArray, feature: Feature) -> npt.NDArray[np.generic]:
    column = column.fill_null("")
    _check_lengths(column, feature)
    if pc.any(pc.ends_with(column, "\0")).as_py():
        raise FirelibError(
            "a value ends with NUL, which cannot be told from padding",
            where=f"feature {feature.name!r}",
            remedy="strip it in the recipe",
        )
    encoded = column.cast(pa.binary()).to_numpy(zero_copy_only=False)
    return encoded.astype(numpy_dtype(feature)) if len(encoded) else np.empty(0, numpy_dtype(feature))


def _flat_lists(column: pa.ChunkedArray, feature: Feature) -> pa.ChunkedArray:
    """Arrays as lists of one level, whatever Arrow type holds them."""
    if not feature.shape or not _is_list(column.type):
        return column
    array = column.combine_chunks()
    array = pa.concat_arrays(array.chunks) if isinstance(array, pa.ChunkedArray) else array
    if isinstance(array, pa.FixedSizeListArray):
        array = array.cast(pa.list_(array.type.value_type))
    while _is_list(array.type.value_type):
        array = _without_inner_level(array, feature)
    return pa.chunked_array([array])


def _without_inner_level(array: pa.Array, feature: Feature) -> pa.Array:
    inner = array.values
    if isinstance(inner, pa.FixedSizeListArray):
        inner = inner.cast(pa.list_(inner.type.value_type))
    if inner.null_count:
        raise FirelibError(
            "a part of an array is missing", where=f"feature {feature.name!r}", remedy="fill it in the recipe"
        )
    offsets = inner.offsets.take(array.offsets)
    return type(array).from_arrays(offsets, inner.values, mask=array.is_null() if array.null_count else None)


def _is_list(kind: pa.DataType) -> bool:
    checks = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(check(kind) for check in checks)


def _check_sizes(column: Any, feature: Feature) -> None:
    expected = int(np.prod(feature.shape))
    lengths = pc.list_value_length(column)
    wrong = lengths.filter(pc.not_equal(lengths, expected))
    if len(wrong):
        raise FirelibError(
            f"an array has {wrong[0].as_py()} values, not {expected}",
            where=f"feature {feature.name!r}",
            remedy=f"every value needs shape {feature.shape}",
        )


def _elements(column: pa.ChunkedArray, feature: Feature) -> pa.ChunkedArray:
    """The elements of all arrays, one after the other; a missing array is as many missing elements."""
    _check_sizes(column, feature)
    if column.null_count:
        blank = pa.scalar([None] * int(np.prod(feature.shape)), column.type)
        column = column.fill_null(blank)
    flat = pc.list_flatten(column)
    if flat.null_count and not feature.nullable:
        raise FirelibError(
            f"{flat.null_count} values are missing inside arrays",
            where=f"feature {feature.name!r}",
            remedy="fill them in the recipe, or declare it nullable",
        )
    return flat
