"""The types that a recipe declares for the columns of its sources, and exact inference for the key."""

import re

import pyarrow as pa
import pyarrow.compute as pc

from firelib.errors import FirelibError, did_you_mean
from firelib.recipe import Recipe, Source
from firelib.tfrecord.format.cast_checks import check_cast, decimals_to_floats

_NAMED = {
    "bool": pa.bool_(),
    "string": pa.string(),
    "bytes": pa.binary(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
}
EXACT_FLOAT = float(2**53)  #: Floats below represent every integer.
#: In the order in which Arrow's CSV reader tries them.
INFERRED = (
    pa.int64(),
    pa.bool_(),
    pa.date32(),
    pa.timestamp("s"),
    pa.timestamp("s", "UTC"),
    pa.timestamp("ns"),
    pa.timestamp("ns", "UTC"),
    pa.float64(),
)


def text_features(recipe: Recipe) -> dict[str, str]:
    """Name → dtype of the features whose columns are text or bytes, as they are written in the file."""
    declared = (*recipe.features, recipe.label)
    return {feature.name: feature.dtype for feature in declared if feature.dtype in ("string", "bytes")}


def exact_columns(recipe: Recipe) -> list[str]:
    """Columns of key and group that no feature declares: their types are inferred without loss (`infer_exact`)."""
    declared = {feature.name for feature in (*recipe.features, recipe.label)} | {recipe.test_rows}
    return [column for column in dict.fromkeys([*recipe.key, *recipe.split_by]) if column not in declared]


def explain_type(column: str, source: Source, recipe: Recipe, inferred: bool) -> str:
    """What decides the type of a column in the lake.

    Args:
        column: Name of the column.
        source: The source of its table.
        recipe: Declares features and key.
        inferred: Whether the format of the source infers types.
    """
    if column in source.types:
        return "Source.types"
    if not inferred:
        return "the file"
    if column in text_features(recipe):
        return "the feature"
    if column in exact_columns(recipe):
        return f"the {'key' if column in recipe.key else 'group'}: inferred without loss"
    return "inferred"


def cast_to_declared(table: pa.Table, source: Source, where: str) -> pa.Table:
    """Cast the columns in `Source.types` to their types.

    Args:
        table: The content of a raw file.
        source: Declares the types.
        where: The source, for errors.

    Raises:
        FirelibError: A column is missing, or has a value that the type cannot represent.
    """
    for column, name in source.types.items():
        if column not in table.column_names:
            remedy = did_you_mean(column, table.column_names)
            raise FirelibError(f"there is no column {column!r}, which types declares", where=where, remedy=remedy)
        kind = to_arrow_type(name)
        try:
            cast = table[column] if table[column].type == kind else _cast(table[column], kind)
            if pa.types.is_decimal(kind):
                cast.validate(full=True)  # Arrow's CSV reader makes decimals of more digits than their type has
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise FirelibError(
                f"column {column!r}: expected {name}, got {table[column].type}: {error}",
                where=where,
                remedy="correct the type in Source.types",
            ) from None
        table = table.set_column(table.column_names.index(column), column, cast)
    return table


def _cast(values: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """Cast a column, unless that changes the meaning of a value. NaN is no text."""
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    check_cast(values, kind)
    if pa.types.is_timestamp(kind):
        values = _to_zone(values, kind.tz)
    elif pa.types.is_date(kind) and pa.types.is_timestamp(values.type):
        values = pc.local_timestamp(values) if values.type.tz else values
    elif pa.types.is_string(kind) and pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
    cast = values.cast(kind)
    _check_values(values, cast)
    return cast


def _to_zone(values: pa.ChunkedArray, zone: str | None) -> pa.ChunkedArray:
    """Times of a zone: dates and times without one are times of the declared zone (Arrow would take them as UTC)."""
    if pa.types.is_date(values.type):
        values = values.cast(pa.timestamp("s"))
    if not pa.types.is_timestamp(values.type):
        return values
    if values.type.tz and not zone:
        raise pa.ArrowInvalid(f"the times have a zone: declare timestamp({values.type.tz})")
    return pc.assume_timezone(values, zone) if zone and not values.type.tz else values


def _check_values(values: pa.ChunkedArray, cast: pa.ChunkedArray) -> None:
    """Refuse what Arrow's cast loses: the time of a date, the digits of a decimal, numbers beyond a shorter float."""
    kind = cast.type
    if pa.types.is_floating(kind) and pa.types.is_floating(values.type):
        lost = pc.xor(pc.is_inf(values), pc.is_inf(cast))
    elif (pa.types.is_date(kind) and pa.types.is_timestamp(values.type)) or (
        pa.types.is_decimal(kind) and pa.types.is_floating(values.type)
    ):
        lost = pc.not_equal(decimals_to_floats(cast, values.type).cast(values.type), values)
    else:
        return
    wrong = values.filter(lost)
    if len(wrong):
        raise pa.ArrowInvalid(f"the type cannot represent {wrong[0].as_py()}")


def to_arrow_type(name: str) -> pa.DataType:
    """The Arrow type of a name in `Source.types`, which is valid."""
    if match := re.fullmatch(r"decimal\((\d+), *(\d+)\)", name):
        return pa.decimal128(int(match[1]), int(match[2]))
    if match := re.fullmatch(r"timestamp\((.+)\)", name):
        return pa.timestamp("us", match[1])
    return _NAMED.get(name) or pa.type_for_alias(name)


def infer_type(texts: pa.ChunkedArray) -> pa.DataType | None:
    """The type that Arrow's CSV reader would infer for a column that is read as text or bytes; None for text."""
    if texts.null_count == len(texts):
        return None
    texts = texts.cast(pa.string())
    for kind in INFERRED:
        try:
            values = texts.cast(kind)
        except pa.ArrowInvalid:
            continue
        return None if pa.types.is_floating(kind) and has_wide_integer(texts, values) else kind
    return None


def has_wide_integer(texts: pa.ChunkedArray, values: pa.ChunkedArray) -> bool:
    """Whether a column of floats has an integer that a float may round: an id beyond 64 bits, or beside fractions.

    Args:
        texts: The column as it is written.
        values: The same column as floats.
    """
    integers = pc.match_substring_regex(texts, r"^\s*[+-]?\d{16,}\s*$")
    return bool(pc.any(pc.and_(integers, pc.greater_equal(pc.abs(values), EXACT_FLOAT))).as_py())


def infer_exact(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Infer the type of a column of text, unless that loses what is written.

    Dates and times are exact whatever their spelling. Numbers and booleans must give the text back: `00001`, `1.10`,
    `3E2` and an integer beyond 64 bits stay text, so that different texts stay different keys.
    """
    if texts.null_count == len(texts):
        return texts
    for kind in INFERRED:
        try:
            values = texts.cast(kind)
            written = texts if pa.types.is_temporal(kind) else values.cast(pa.string())
        except pa.ArrowInvalid:
            continue
        return values if pc.all(pc.equal(written, texts)).as_py() else texts
    return texts
