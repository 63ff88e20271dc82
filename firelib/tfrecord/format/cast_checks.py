"""Refuse casts that Arrow performs silently and that change the meaning of a value."""

import pyarrow as pa
import pyarrow.compute as pc


def check_cast(values: pa.ChunkedArray, kind: pa.DataType) -> None:
    """Refuse a cast from or to a time that needs a unit, and from numbers other than 0 and 1 to booleans.

    Arrow takes the number 10 as 10 units of whatever unit the type of the time has, and 2 as true.

    Args:
        values: The column to cast.
        kind: The type to cast it to.

    Raises:
        pyarrow.ArrowInvalid: The cast would change the meaning of the values.
    """
    while is_list(values.type) and is_list(kind):
        values, kind = pc.list_flatten(values) if _leaf(kind) == pa.bool_() else _no_rows(values), kind.value_type
    if {_is_time(values.type), _is_time(kind)} == {True, False} and (_is_number(values.type) or _is_number(kind)):
        raise pa.ArrowInvalid("a number does not tell the unit and the epoch of a time")
    if pa.types.is_boolean(kind) and _is_number(values.type):
        others = pc.invert(pc.is_in(values, value_set=pa.array([0, 1], values.type), skip_nulls=True))
        wrong = values.filter(pc.and_(others, pc.is_valid(values)))
        if len(wrong):
            raise pa.ArrowInvalid(f"expected 0 or 1, got {wrong[0].as_py()}")


def decimals_to_floats(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """Decimals as the nearest float64: Arrow's own cast of 0.47 gives 0.47000000000000003.

    Args:
        column: A column of any type; others than decimals, and lists of decimals, stay as they are.
        kind: The type that it will be cast to; decimals are converted for floats only.
    """
    if not (pa.types.is_decimal(_leaf(column.type)) and pa.types.is_floating(_leaf(kind))):
        return column
    return column.cast(_with_leaf(column.type, pa.string())).cast(_with_leaf(column.type, pa.float64()))


def is_list(kind: pa.DataType) -> bool:
    """Whether a type is a list of any or of a fixed length."""
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _leaf(kind: pa.DataType) -> pa.DataType:
    return _leaf(kind.value_type) if is_list(kind) else kind


def _with_leaf(kind: pa.DataType, leaf: pa.DataType) -> pa.DataType:
    """The same nested type with another type of elements."""
    if not is_list(kind):
        return leaf
    inner = _with_leaf(kind.value_type, leaf)
    return pa.large_list(inner) if pa.types.is_large_list(kind) else pa.list_(inner)


def _no_rows(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """An empty column of the type of the elements: for most checks the type is enough."""
    return pa.chunked_array([], values.type.value_type)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _is_time(kind: pa.DataType) -> bool:
    return bool(pa.types.is_temporal(kind))
