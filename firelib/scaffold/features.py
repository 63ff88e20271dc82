"""Which feature suits a column, or why it is left out."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from firelib.scaffold.columns import Column, Kind

_TEXT_WORDS = 3.0  # mean number of words from which on a text is read word by word
_TEXT_BYTES = 64
_MOST_FIXED_BYTES = 256  # every record has room for the longest text
_SHARE_OF_IDENTIFIERS = 0.5  # distinct texts / rows
_CAMEL = re.compile(r"[a-z](Id|ID|Key|No|Nr)$")
DATE_PARTS = ("days", "month", "weekday", "hour")


@dataclass(frozen=True)
class FeatureDraft:
    """A feature of the recipe.

    Attributes:
        name: Its name.
        arguments: The other arguments of `Feature`, as Python writes them.
        comment: What the data say about it.
        column: The column that it is made from.
    """

    name: str
    arguments: str
    comment: str = ""
    column: str = ""


@dataclass(frozen=True)
class LeftOut:
    """A column that is no feature.

    Attributes:
        column: Its name.
        reason: Why.
    """

    column: str
    reason: str


def draft_features(column: Column, name: str, is_sample: bool) -> list[FeatureDraft] | LeftOut:
    """Decide what the model gets of a column.

    Args:
        column: Its figures.
        name: Name of the feature.
        is_sample: Whether the figures are those of the first rows only: other rows may lack values.

    Returns:
        The features, or why there is none.
    """
    reason = _reason_to_leave_out(column)
    if reason:
        return LeftOut(column.name, reason)
    nullable = bool(column.missing) or is_sample
    if column.kind is Kind.TIME:
        return _draft_times(column, name, nullable)
    arguments = _arguments(column, nullable)
    return [FeatureDraft(name, arguments, _describe(column), column.name)]


def leave_out_group(column: Column, group: Sequence[str]) -> LeftOut | None:
    """Leave out a column that names groups: the model never sees those of the test split in training.

    Args:
        column: Its figures.
        group: The columns that decide the split. Of several, those that do not look like identifiers are kept, such as
            the month of a day.
    """
    is_name = column.kind is not Kind.TIME and (len(group) == 1 or looks_like_id(column.name))
    if column.name in group and is_name:
        return LeftOut(column.name, "it names the groups, each of which is in one split only")
    return None


def is_identifier(column: Column) -> bool:
    """Whether a column names the row, and says nothing about it: each of its texts or numbers is there once."""
    if column.kind is Kind.TEXT:
        return column.present > 1 and column.distinct > _SHARE_OF_IDENTIFIERS * column.present and not is_prose(column)
    if column.kind is not Kind.INTEGER or column.rows < 2:
        return False
    is_varied = column.distinct > _SHARE_OF_IDENTIFIERS * column.present  # a few rows may be there twice
    is_name = looks_like_id(column.name) or column.is_beyond_floats
    return (is_varied and is_name) or (column.is_unique and column.is_increasing)


def looks_like_id(name: str) -> bool:
    """Whether a name is usual for an identifier, such as `order_id`, `userId` or `key`."""
    return bool(
        _CAMEL.search(name) or re.search(r"(^|[\W_])(id|key|uuid|guid|index|idx|nr|no|number|code|hash)$", name, re.I)
    )


def is_prose(column: Column) -> bool:
    """Whether a column holds text to be read word by word, rather than names of categories."""
    is_varied = column.distinct > _SHARE_OF_IDENTIFIERS * column.present
    is_long = column.words >= _TEXT_WORDS or column.longest > _TEXT_BYTES
    return column.kind is Kind.TEXT and ((is_varied and column.words >= 2) or (is_long and column.distinct > 100))


def _reason_to_leave_out(column: Column) -> str | None:
    if not column.present:
        return "it has no values"
    if column.is_constant:
        return f"it is {column.values[0]!r} in every row" if column.values else "it is the same in every row"
    if column.kind is Kind.BYTES:
        return "it holds bytes: decode them to an array in `prepare`"
    if column.kind is Kind.OTHER or (
        column.items and column.items.kind in (Kind.LIST, Kind.ARRAY, Kind.OTHER, Kind.TIME)
    ):
        return "its values are nested: take numbers or text out of them in `prepare`"
    if column.kind is Kind.LIST and column.items and not column.items.present:
        return "its lists are empty"
    if is_identifier(column):
        return f"it identifies rows ({column.distinct:,} distinct values in {column.present:,} rows)"
    return None


def _arguments(column: Column, nullable: bool) -> str:
    null = ", nullable=True" if nullable else ""
    if column.kind is Kind.BOOL:
        return f'"int8", range=(0, 1){", nullable=True, missing=-1" if nullable else ""}'
    if column.kind is Kind.TEXT:
        is_free = is_prose(column) or column.longest > _MOST_FIXED_BYTES
        return f'"string"{null}' if is_free else f'"string", max_length={_room(column.longest)}{null}'
    if column.kind is Kind.ARRAY:
        assert column.items
        missing = null if column.missing or column.items.missing else ""
        return f'"{_float(column.items)}", shape=({column.longest},){missing}'
    if column.kind is Kind.LIST:
        assert column.items
        dtype = {Kind.TEXT: "string", Kind.NUMBER: "float32"}.get(column.items.kind, "int64")
        return f'"{dtype}", ragged=True{null}'
    return f'"{_float(column)}"{null}'


def _float(column: Column) -> str:
    return "float64" if column.is_wide else "float32"


def _room(longest: int) -> int:
    """Bytes for texts that may be longer than those in the data: a power of two."""
    return max(8, 1 << (longest * 5 // 4 - 1).bit_length())


def _draft_times(column: Column, name: str, nullable: bool) -> list[FeatureDraft]:
    null = ", nullable=True" if nullable else ""
    parts = [part for part in DATE_PARTS if part != "hour" or column.has_time_of_day]
    comments = {"days": f"since 1970, from {column.low} to {column.high}", "weekday": "0 is Monday"}
    return [FeatureDraft(f"{name}_{part}", f'"float64"{null}', comments.get(part, ""), column.name) for part in parts]


def _describe(column: Column) -> str:
    """What a comment says about a column."""
    parts = []
    if column.is_number:
        parts.append(f"{column.low:.6g} … {column.high:.6g}")
    elif column.kind is Kind.TEXT:
        parts.append(f"text of {column.words:.0f} words" if is_prose(column) else _count(column.distinct, "value"))
    elif column.kind is Kind.LIST:
        parts.append(f"up to {_count(column.longest, 'value')}")
    if column.missing:
        parts.append(f"{column.missing:,} missing")
    if column.infinite:
        parts.append(f"{column.infinite:,} infinite: these rows are set aside")
    return ", ".join(parts)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
