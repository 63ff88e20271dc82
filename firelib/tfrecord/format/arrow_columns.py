"""Convert Arrow tables to the columns that encoders take: exact types, and declared values for missing ones."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from firelib.errors import FirelibError, did_you_mean
from firelib.recipe import FLOATS, Feature
from firelib.tfrecord.format.cast_checks import check_cast, decimals_to_floats, is_list
from firelib.tfrecord.format.fixed_layout import has_fixed_size, numpy_dtype

_PADDED_BYTES = 8 << 20

# Arrow types of strings and bytes with offsets of 32 bits, which limit an array to this many bytes.
_NARROW = {"string": pa.string(), "bytes": pa.binary()}
_NARROW_BYTES = 1 << 31


def to_columns(table: pa.Table, features: Sequence[Feature]) -> dict[str, Any]:
    """Convert a table to one array per feature.

    Args:
        table: Rows with a column for each feature; other columns are ignored.
        features: The features to convert.

    Returns:
        Feature name → NumPy array [rows, *shape] of the feature's dtype; bounded strings are `S<max_length>`.
        Features without a fixed size are Arrow arrays (large strings, large binaries, lists) with nulls where a row
        lacks the feature.

    Raises:
        FirelibError: A column is missing, or holds a value of another type, a null in a feature that is neither
            nullable nor optional, a string that is too long, or a value outside the declared range.
    """
    return {feature.name: to_column(table, feature) for feature in features}


def to_column(table: pa.Table, feature: Feature) -> Any:
    """Convert the column of one feature.

    Args:
        table: Rows with a column for the feature.
        feature: Its declaration.

    Returns:
        A NumPy or an Arrow array; see `to_columns`.

    Raises:
        FirelibError: As for `to_columns`.
    """
    column = cast_column(table, feature)
    if column.null_count and not (feature.nullable or feature.optional):
        raise FirelibError(
            f"{column.null_count} values are missing in column {feature.name!r}",
            where=f"feature {feature.name!r}",
            remedy="fill or drop the missing values in the recipe, or declare nullable=True",
        )
    if not has_fixed_size(feature):
        return _to_arrow_array(column, feature)
    if feature.dtype == "string":
        return _to_strings(column, feature)
    flat = _flatten_arrays(column, feature) if feature.shape else column
    return _to_numbers(flat, feature).reshape(len(column), *feature.shape)


def cast_column(table: pa.Table, feature: Feature) -> pa.ChunkedArray:
    """Cast a feature's column to the feature's Arrow type; nulls stay null.

    Args:
        table: Rows with a column for the feature.
        feature: Its declaration.

    Raises:
        FirelibError: The column is missing, or holds a value that the type cannot represent.
    """
    if feature.name not in table.column_names:
        raise FirelibError(
            f"missing column {feature.name!r}",
            where="the table that the recipe's transform returns",
            remedy=did_you_mean(feature.name, table.column_names),
        )
    column = table[feature.name]
    try:
        column, kind = _flatten_lists(column, feature), _arrow_type(feature, column)
        check_cast(column, kind)
        return decimals_to_floats(column, kind).cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise FirelibError(
            f"column {feature.name!r}: expected {feature.dtype}, got {column.type}: {error}",
            where=f"feature {feature.name!r}",
            remedy=_how_to_convert(column.type, feature),
        ) from None


def _how_to_convert(kind: pa.DataType, feature: Feature) -> str:
    """How to make a feature of a column whose type cannot be cast."""
    name = feature.name
    if pa.types.is_struct(kind):
        fields = ", ".join(field.name for field in kind)
        return (
            f"in transform, make a column of each field that the model needs ({fields}) with a function marked @rows: "
            f"rows.assign({kind[0].name}=rows[{name!r}].struct.field({kind[0].name!r}))"
        )
    if pa.types.is_map(kind):
        return (
            f"in transform, make a column of each key of {name!r} that the model needs, or lists of keys and of values"
        )
    if pa.types.is_temporal(kind):
        return (
            f"make numbers of it in the recipe's transform, such as rows[{name!r}].dt.dayofweek, or days since a date"
        )
    if is_list(kind):
        return "declare shape=(…) for arrays of one size or ragged=True for lists, or make one value of it in transform"
    return "convert the column in the recipe's transform, or correct the feature's dtype"


def utf8_lengths(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Length of each string in UTF-8 bytes."""
    return pc.binary_length(column)


def _arrow_type(feature: Feature, column: pa.ChunkedArray) -> pa.DataType:
    """The Arrow type of a feature's column; bfloat16 becomes float32, since Arrow has no bfloat16."""
    scalars = {"bool": pa.bool_(), "string": pa.string(), "bytes": pa.large_binary(), "bfloat16": pa.float32()}
    scalar = scalars.get(feature.dtype) or pa.from_numpy_dtype(np.dtype(feature.dtype))
    if feature.dtype == "string" and not has_fixed_size(feature):
        scalar = pa.large_string()
    if feature.ragged:
        return pa.large_list(scalar)
    if column.type == _NARROW.get(feature.dtype) and column.nbytes < _NARROW_BYTES:
        scalar = column.type  # its offsets need no conversion
    return pa.list_(scalar) if feature.shape else scalar


def _to_arrow_array(column: pa.ChunkedArray, feature: Feature) -> pa.Array:
    """Convert a feature without a fixed size: values of different sizes, or optional ones."""
    array = column.combine_chunks()
    array = pa.concat_arrays(array.chunks) if isinstance(array, pa.ChunkedArray) else array
    if feature.nullable and array.null_count:
        array = array.fill_null(pa.scalar([] if feature.ragged else _fill_value(feature), array.type))
    if feature.shape:
        _check_sizes(array, feature)
    items = array.flatten() if feature.ragged or feature.shape else array
    if items is not array and items.null_count:
        raise FirelibError(
            f"{items.null_count} values are missing inside lists",
            where=f"feature {feature.name!r}",
            remedy="fill or drop the missing values in the recipe",
        )
    _check_max_length(items, feature)
    if feature.dtype not in ("string", "bytes", "bool"):
        _check_range(items.drop_null().to_numpy(zero_copy_only=False), feature)
    return array


def _fill_value(feature: Feature) -> Any:
    if feature.dtype in ("string", "bytes"):
        return b"" if feature.dtype == "bytes" else ""
    return float("nan") if feature.dtype in FLOATS else feature.missing


def _check_max_length(array: pa.Array, feature: Feature) -> None:
    if not feature.max_length:
        return
    longest = pc.max(utf8_lengths(array)).as_py() or 0
    if longest > feature.max_length:
        raise FirelibError(
            f"expected at most {feature.max_length} bytes, got a value of {longest} bytes",
            where=f"feature {feature.name!r}",
            remedy=f"declare max_length={longest}, or shorten the value in the recipe",
        )


def _to_numbers(column: pa.ChunkedArray, feature: Feature) -> npt.NDArray[np.generic]:
    if column.null_count:
        column = column.fill_null(pa.scalar(_fill_value(feature), column.type))
    values: npt.NDArray[np.generic] = column.to_numpy().astype(numpy_dtype(feature), copy=False)
    _check_range(values, feature)
    return values


def _check_range(values: npt.NDArray[np.generic], feature: Feature) -> None:
    """Refuse a value outside the declared range; NaN and `missing` are allowed."""
    if not feature.range or not len(values):
        return
    low, high = feature.range
    wrong = (values < low) | (values > high)  # type: ignore[operator]  # callers pass numbers
    if feature.missing is not None:
        wrong &= values != feature.missing
    if wrong.any():
        raise FirelibError(
            f"{values[wrong][0]} is outside the range {feature.range}",
            where=f"feature {feature.name!r}",
            remedy="widen the feature's range, or exclude the row in the recipe",
        )


def _to_strings(column: pa.ChunkedArray, feature: Feature) -> npt.NDArray[np.generic]:
    column = column.fill_null("")
    _check_max_length(column, feature)
    if pc.any(pc.ends_with(column, "\0")).as_py():
        raise FirelibError(
            "a value ends with NUL, which is indistinguishable from padding",
            where=f"feature {feature.name!r}",
            remedy="strip trailing NULs in the recipe",
        )
    return _pad(column, numpy_dtype(feature))


def _pad(column: pa.ChunkedArray, dtype: np.dtype[Any]) -> npt.NDArray[np.generic]:
    """Strings as an array of NumPy, some MiB at a time, and without a Python object for each of them."""
    padded = np.empty(len(column), dtype)
    rows = max(_PADDED_BYTES // dtype.itemsize, 1)
    for start in range(0, len(column), rows):
        part = pa.concat_arrays(pc.ascii_rpad(column.slice(start, rows), dtype.itemsize, "\0").chunks)
        content = part.buffers()[2]
        padded[start : start + len(part)] = np.frombuffer(content, dtype, len(part), part.offset * dtype.itemsize)
    return padded


def _flatten_lists(column: pa.ChunkedArray, feature: Feature) -> pa.ChunkedArray:
    """Flatten nested and fixed-size lists to lists of one level, in which a missing list has no values."""
    if not (feature.shape or feature.ragged) or not is_list(column.type):
        return column
    array = column.combine_chunks()
    array = pa.concat_arrays(array.chunks) if isinstance(array, pa.ChunkedArray) else array
    array = _drop_hidden_values(array)
    while feature.shape and is_list(array.type.value_type):
        array = _merge_inner_level(array, feature)
    return pa.chunked_array([array])


def _drop_hidden_values(array: pa.Array) -> pa.Array:
    """The same lists, without the values behind a missing list: some of Arrow's functions count them, some do not."""
    mask = array.is_null() if array.null_count else None
    kind = pa.LargeListArray if pa.types.is_large_list(array.type) else pa.ListArray
    return kind.from_arrays(_offsets(array, kind), array.flatten(), mask=mask)


def _offsets(array: pa.Array, kind: type[pa.Array]) -> pa.Array:
    lengths = pc.list_value_length(array).fill_null(0)
    offsets = np.concatenate([[0], np.cumsum(lengths.to_numpy(zero_copy_only=False))])
    return pa.array(offsets, pa.int64() if kind is pa.LargeListArray else pa.int32())


def _merge_inner_level(array: pa.Array, feature: Feature) -> pa.Array:
    inner = array.flatten()
    if inner.null_count:
        raise FirelibError(
            "an inner list of an array is missing", where=f"feature {feature.name!r}", remedy="fill it in the recipe"
        )
    offsets = _offsets(inner, type(array)).take(array.offsets)
    return type(array).from_arrays(offsets, inner.flatten(), mask=array.is_null() if array.null_count else None)


def _check_sizes(column: Any, feature: Feature) -> None:
    expected = int(np.prod(feature.shape))
    lengths = pc.list_value_length(column)
    wrong = lengths.filter(pc.not_equal(lengths, expected))
    if len(wrong):
        raise FirelibError(
            f"expected arrays of {expected} values, got {wrong[0].as_py()} values",
            where=f"feature {feature.name!r}",
            remedy=f"give every value the shape {feature.shape} in the recipe",
        )


def _flatten_arrays(column: pa.ChunkedArray, feature: Feature) -> pa.ChunkedArray:
    """Concatenate the elements of all arrays; a missing array becomes as many missing elements."""
    _check_sizes(column, feature)
    if column.null_count:
        blank = pa.scalar([None] * int(np.prod(feature.shape)), column.type)
        column = column.fill_null(blank)
    flat = pc.list_flatten(column)
    if flat.null_count and not feature.nullable:
        raise FirelibError(
            f"{flat.null_count} values are missing inside arrays",
            where=f"feature {feature.name!r}",
            remedy="fill the missing values in the recipe, or declare nullable=True",
        )
    return flat
