"""Columns that several rows share, such as a patient, and which of them must decide the split."""

import re
from collections.abc import Sequence

from firelib.scaffold.columns import Column, Kind
from firelib.scaffold.features import looks_like_id

_NAMES = "group|user|customer|client|patient|subject|person|member|account|student|household|session|device|machine"
_GROUP = re.compile(rf"(^|[\W_])({_NAMES})s?([\W_]?(id|key|no|nr|number|code|uuid))?$", re.I)
_ID = re.compile(r"([\W_]|^)(id|uuid|guid)$|[a-z](Id|ID)$", re.I)
_MOST_WORDS = 2.5  # of a name, on average; a subject line is no subject of a study
_LEAST_GROUPS = 20  # fewer are categories, such as shops
_LEAST_IDS = 100  # values that look like identifiers, in a column whose name does not
_MOST_ROWS_A_GROUP = 50  # on average, where the name is not that of a person or the like; more are categories


def find_group_columns(columns: Sequence[Column]) -> list[str]:
    """Columns whose values several rows share, and whose names are usual for identifiers, users and the like."""
    return [
        column.name
        for column in columns
        if column.kind in (Kind.TEXT, Kind.INTEGER)
        if looks_like_id(column.name) or _GROUP.search(column.name)
        if not column.missing and 10 <= column.distinct <= column.rows // 2 and column.words <= _MOST_WORDS
    ]


def find_deciding_group(columns: Sequence[Column]) -> str:
    """The identifier whose rows belong together, so that a split by rows would show the model the test's groups.

    Args:
        columns: Figures of the columns without the label.

    Returns:
        The column with the name of a person or the like, otherwise the one with the fewest values; empty if there is
        none: a few categories, or many rows for each value, are no such groups.
    """
    found = [column for column in columns if _is_shared(column) and _is_id(column)]
    best = min(found, key=lambda column: (not _GROUP.search(column.name), column.distinct), default=None)
    return best.name if best else ""


def _is_shared(column: Column) -> bool:
    is_name = column.kind in (Kind.TEXT, Kind.INTEGER) and not column.missing and column.words <= _MOST_WORDS
    return is_name and _LEAST_GROUPS <= column.distinct <= column.rows // 2


def _is_id(column: Column) -> bool:
    if _GROUP.search(column.name):
        return True
    is_likely = _ID.search(column.name) or (column.looks_like_ids and column.distinct >= _LEAST_IDS)
    return bool(is_likely) and column.rows <= _MOST_ROWS_A_GROUP * column.distinct
