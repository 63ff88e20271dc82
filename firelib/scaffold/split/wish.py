"""Which columns shall decide the split of a row, as the user says; and whether they can."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from firelib.errors import FirelibError, did_you_mean
from firelib.scaffold.columns import Column, Kind

LEAST_VALUES = 3  # groups or times: one for each split
_GROUPS = (Kind.BOOL, Kind.INTEGER, Kind.TEXT, Kind.TIME)
_TIMES = (Kind.TIME, Kind.INTEGER, Kind.NUMBER)


@dataclass(frozen=True)
class SplitWish:
    """What the user says about the split.

    Attributes:
        by: Columns of a group, all rows of which are in the same split.
        time: Column of the time: training is before validation, which is before the test.
    """

    by: tuple[str, ...] = ()
    time: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that decide."""
        return (*self.by, *([self.time] if self.time else []))


BY_KEY = SplitWish()


def check_split_wish(wish: SplitWish, columns: Mapping[str, Column], labels: Sequence[str], table: pa.Table) -> None:
    """Refuse columns that cannot decide the split; all problems are named.

    Args:
        wish: What the user says.
        columns: Column → its figures.
        labels: The columns of the label.
        table: The rows.

    Raises:
        FirelibError: A column is unknown, is the label, lacks values or is of a kind that cannot decide, both rules are
            chosen, or there are fewer than three groups or times.
    """
    if wish.by and wish.time:
        raise FirelibError(
            "expected a split by group or by time, got both",
            where="--split-by, --split-time",
            remedy="choose the one that your model will face: other groups, or the future",
        )
    option, kinds = ("--split-time", _TIMES) if wish.time else ("--split-by", _GROUPS)
    unknown = [name for name in wish.columns if name not in columns]
    if unknown:
        raise FirelibError(
            f"the data have no column {', '.join(map(repr, unknown))}",
            where=option,
            remedy=did_you_mean(unknown[0], columns),
        )
    rows = table.filter(table[labels[0]].is_valid())
    problems = [
        problem
        for name in wish.columns
        for problem in _find_problems(columns[name], name in labels, kinds, count_missing(rows[name]))
    ]
    if not problems and wish.columns and (found := _count_distinct(rows, wish.columns)) < LEAST_VALUES:
        problems = [f"{', '.join(wish.columns)}: expected {LEAST_VALUES} distinct values or more, got {found}"]
    if problems:
        raise FirelibError("; ".join(problems), where=option, remedy="choose another column, or leave out the option")


def _find_problems(column: Column, is_label: bool, kinds: Sequence[Kind], missing: int) -> list[str]:
    problems = []
    if is_label:
        problems.append(f"{column.name!r} is the label")
    if column.kind not in kinds:
        problems.append(f"expected a column of kind {' or '.join(kinds)}, got {column.name!r} of kind {column.kind}")
    if missing:
        problems.append(f"{column.name!r} is missing in {missing:,} of the rows that have a label")
    return problems


def count_missing(values: pa.ChunkedArray) -> int:
    """Number of nulls and NaN."""
    is_missing = pc.is_null(values, nan_is_null=pa.types.is_floating(values.type))
    return int(pc.sum(is_missing).as_py() or 0)


def _count_distinct(rows: pa.Table, columns: Sequence[str]) -> int:
    if len(columns) == 1:
        return int(pc.count_distinct(rows[columns[0]]).as_py())
    return int(rows.group_by(list(columns)).aggregate([]).num_rows)
