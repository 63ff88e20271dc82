"""Convert the columns of a raw file to types that a Delta table stores without changing a value."""

from collections import Counter
from collections.abc import Callable, Iterable

import pyarrow as pa
import pyarrow.compute as pc

from firelib.errors import FirelibError

#: Key in the metadata of a column: its time zone. Delta tables store instants in UTC only.
ZONE = b"firelib.zone"
#: Key in the metadata of a column: the type that it has in the raw file, if the lake has another one.
RAW_TYPE = b"firelib.raw_type"
#: Key in the metadata of a column of text: the type that its values would get, if no feature or key decided.
INFERRED_TYPE = b"firelib.inferred_type"

_MAX_PRECISION = 38  # digits of Delta's decimals

_LEAVES = {
    pa.null(): pa.string(),
    pa.uint8(): pa.int16(),
    pa.uint16(): pa.int32(),
    pa.uint32(): pa.int64(),
    pa.uint64(): pa.int64(),
    pa.float16(): pa.float32(),
    pa.string_view(): pa.string(),
    pa.binary_view(): pa.binary(),
    pa.date64(): pa.date32(),
}
_SAME = frozenset(
    {
        *(pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.float32(), pa.float64(), pa.bool_(), pa.date32()),
        *(pa.string(), pa.large_string(), pa.binary(), pa.large_binary()),
    }
)


def drop_inferred_types(schema: pa.Schema) -> pa.Schema:
    """Remove `INFERRED_TYPE` from the metadata of all columns."""
    fields = [
        field.with_metadata({key: value for key, value in (field.metadata or {}).items() if key != INFERRED_TYPE})
        for field in schema
    ]
    return pa.schema(fields, schema.metadata)


class _UnsupportedTypeError(Exception):
    """A type that Delta tables cannot store, with the reason."""


def to_lake_types(table: pa.Table, where: str) -> pa.Table:
    """Convert a table to types that a Delta table stores without changing a value.

    `docs/sources.md` lists the conversions.

    Args:
        table: The content of a raw file.
        where: The source, for errors.

    Returns:
        The same rows and columns. The metadata of a column has its time zone, if that is not UTC (`ZONE`), and the
        type in the raw file, if it is another one (`RAW_TYPE`).

    Raises:
        FirelibError: Columns have types or values that Delta cannot store (all are named).
    """
    fields, columns, problems = [], [], []
    for field, column in zip(table.schema, table.columns, strict=True):
        try:
            converted = _convert(column)
        except (_UnsupportedTypeError, pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
            problems.append(f"column {field.name!r} of type {field.type}: {error}")
            continue
        metadata = {**(field.metadata or {}), **_origin(field.type, converted.type)}
        columns.append(converted)
        fields.append(pa.field(field.name, converted.type, metadata=metadata or None))
    if problems:
        raise FirelibError(
            "\n".join(problems),
            where=where,
            remedy="convert the column where the file is written, or declare a type: Source(uri, types={column: type})",
        )
    return pa.table(columns, schema=pa.schema(fields, table.schema.metadata))


def check_names(names: Iterable[str], where: str) -> None:
    """Refuse a repeated name; Delta does not distinguish `x` from `X`.

    Args:
        names: Names of the columns.
        where: The source, for errors.

    Raises:
        FirelibError: Columns have the same name, or a name contains NUL, at which libraries in C cut it off.
    """
    names = list(names)
    cut = [name for name in names if "\0" in name]
    if cut:
        raise FirelibError(
            f"names of columns contain NUL: {', '.join(map(repr, cut))}", where=where, remedy="rename the columns"
        )
    counts = Counter(name.lower() for name in names)
    twice = [name for name in names if counts[name.lower()] > 1]
    if twice:
        remedy = "give each column a name of its own; Delta tables do not distinguish upper from lower case"
        if "" in twice:
            remedy = f"if lines stand above the header: Source(…, csv=CsvDialect(skip_rows=…)); otherwise, {remedy}"
        raise FirelibError(f"columns have the same name: {', '.join(map(repr, twice))}", where=where, remedy=remedy)


def _convert(column: pa.ChunkedArray) -> pa.ChunkedArray:
    column = _decode(column)
    kind = column.type
    if pa.types.is_timestamp(kind):
        return _convert_timestamp(column)
    # Times of day and durations become integers in two steps, so that each step is an exact conversion of Arrow's.
    for convert in (_in_microseconds, _lake_type):
        target = map_leaves(column.type, convert)
        column = column if target == column.type else column.cast(target)
    return column


def _decode(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Replace dictionary and run-end encoding by the values, and extension types by their storage."""
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        chunks = [chunk.storage for chunk in column.chunks]
        return _decode(pa.chunked_array(chunks, kind.storage_type))
    if pa.types.is_dictionary(kind):
        return _decode(column.cast(kind.value_type))
    if pa.types.is_run_end_encoded(kind):
        return _decode(pa.chunked_array([pc.run_end_decode(chunk) for chunk in column.chunks], kind.value_type))
    return column


def _convert_timestamp(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if kind.tz:
        try:
            pa.scalar(0, kind).as_py()
        except Exception as error:
            raise _UnsupportedTypeError(f"unknown time zone {kind.tz!r}") from error
    in_microseconds = column.cast(pa.timestamp("us", kind.tz))  # fails if it loses digits or overflows
    return in_microseconds if kind.unit == "ns" else column


def _origin(raw: pa.DataType, kind: pa.DataType) -> dict[bytes, bytes]:
    """Metadata of a column: what the lake's type does not tell about the raw file."""
    zone = kind.tz if pa.types.is_timestamp(kind) else None
    metadata = {ZONE: zone.encode()} if zone and zone != "UTC" else {}
    if raw != kind and not pa.types.is_null(raw):
        metadata[RAW_TYPE] = str(raw).encode()
    return metadata


def map_leaves(kind: pa.DataType, convert: Callable[[pa.DataType], pa.DataType]) -> pa.DataType:
    """Convert the types of the values in a type, which may be nested."""
    if pa.types.is_map(kind):
        return pa.map_(map_leaves(kind.key_type, convert), map_leaves(kind.item_type, convert))
    if pa.types.is_struct(kind):
        return _map_struct(kind, convert)
    if pa.types.is_large_list(kind):
        return pa.large_list(kind.value_field.with_type(map_leaves(kind.value_type, convert)))
    if pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
        return pa.list_(kind.value_field.with_type(map_leaves(kind.value_type, convert)))
    return convert(kind)


def _map_struct(kind: pa.StructType, convert: Callable[[pa.DataType], pa.DataType]) -> pa.DataType:
    if not kind.num_fields:
        raise _UnsupportedTypeError("it has no fields")
    twice = [name for name, count in Counter(name.lower() for name in kind.names).items() if count > 1]
    if twice:
        raise _UnsupportedTypeError(f"fields have the same name, {twice[0]!r}")
    return pa.struct([field.with_type(map_leaves(field.type, convert)) for field in kind])


def _in_microseconds(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_time(kind):
        return pa.time64("us")
    return pa.duration("us") if pa.types.is_duration(kind) else kind


def _lake_type(kind: pa.DataType) -> pa.DataType:
    """The type in the lake of values of a type."""
    if kind in _SAME:
        return kind
    if kind in _LEAVES:
        return _LEAVES[kind]
    if pa.types.is_time(kind) or pa.types.is_duration(kind):
        return pa.int64()
    if pa.types.is_fixed_size_binary(kind):
        return pa.binary()
    if pa.types.is_decimal(kind):
        return _decimal_type(kind)
    if pa.types.is_timestamp(kind):  # inside a list or a struct: its zone has no column to be recorded with
        if kind.tz not in (None, "UTC"):
            raise _UnsupportedTypeError(f"a time zone inside a nested type, {kind.tz!r}, is not kept")
        return pa.timestamp("us", kind.tz)
    raise _UnsupportedTypeError("Delta tables have no such type")


def _decimal_type(kind: pa.DataType) -> pa.DataType:
    digits = kind.precision - min(kind.scale, 0)
    return pa.decimal128(min(digits, _MAX_PRECISION), max(kind.scale, 0))
