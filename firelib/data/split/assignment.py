"""The split of each row, where the hash of its key does not decide it: by group, by time, or by a column."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from firelib import config
from firelib.data.split.position import HASH_SPACE, Hashes, key_hashes, mix
from firelib.errors import FirelibError
from firelib.recipe import SPLITS, Recipe, SplitRule, find_split_rule, split_columns

_GROUP_SALT = np.uint64(0x9E3779B97F4A7C15)  # a key that is its own group has another hash as a group than as a key


@dataclass(frozen=True)
class Assignment:
    """The splits of the rows of a partition.

    Attributes:
        splits: Index of each row's split in `SPLITS`.
        problems: What is wrong with a value → number of rows; `splits` is meaningless then.
        groups: Hash of each row's group, if groups decide.
    """

    splits: npt.NDArray[np.int8]
    problems: Counter[str] = field(default_factory=Counter)
    groups: Hashes | None = None


def assign_splits(rows: pa.Table, recipe: Recipe, split: config.Split) -> Assignment:
    """The split of each row, by the recipe's group, time or column, or by shares of the key's hash in strata.

    Args:
        rows: Has the key and the recipe's `split_columns`.
        recipe: Selects the rule.
        split: The shares, or the cut dates.

    Returns:
        The splits; or, if a column has nulls or other unusable values, the problems.
    """
    problems = Counter({f"column {name!r} is null": _count_missing(rows[name]) for name in split_columns(recipe)})
    rule = find_split_rule(recipe)
    if rule is SplitRule.COLUMN:
        assert recipe.split_column
        problems += _unknown_splits(rows[recipe.split_column], recipe.split_column)
    if +problems:
        return Assignment(np.zeros(rows.num_rows, np.int8), +problems)
    if rule is SplitRule.TIME:
        assert recipe.split_time
        return Assignment(_assign_by_time(rows[recipe.split_time], split.cuts))
    if rule is SplitRule.COLUMN:
        return Assignment(pc.index_in(_as_text(rows[recipe.split_column]), pa.array(SPLITS)).to_numpy().astype(np.int8))
    if rule is SplitRule.GROUP:
        groups = hash_groups(rows, recipe.split_by)
        return Assignment(assign_by_hash(groups, split), groups=groups)
    return Assignment(assign_by_hash(hash_groups(rows, recipe.key), split))


def _count_missing(column: pa.ChunkedArray) -> int:
    """Number of nulls; NaN, which is no earlier and no later than a cut, counts."""
    if not pa.types.is_floating(column.type):
        return int(column.null_count)
    return int(pc.sum(pc.is_null(column, nan_is_null=True)).as_py() or 0)


def hash_groups(rows: pa.Table, columns: Sequence[str]) -> Hashes:
    """A hash of the group of each row, which is independent of the hash of an equal key.

    Args:
        rows: Has the columns, without nulls.
        columns: Columns that identify a group.
    """
    return mix(key_hashes(rows.select(list(columns)).to_pandas(), columns) ^ _GROUP_SALT)


def assign_by_hash(hashes: Hashes, split: config.Split) -> npt.NDArray[np.int8]:
    """Indexes of the splits in whose share of all hashes each hash is.

    Args:
        hashes: Uniform 64-bit hashes.
        split: The shares.
    """
    return np.searchsorted(hash_cuts(split), hashes, side="right").astype(np.int8)


def hash_cuts(split: config.Split) -> Hashes:
    """The first hashes of the validation and of the test split."""
    train, validation = (split.shares[name] for name in SPLITS[:2])
    return np.array([int(train * HASH_SPACE), min(int((train + validation) * HASH_SPACE), HASH_SPACE - 1)], np.uint64)


def explain_column_type(recipe: Recipe, split: config.Split, kind: pa.DataType) -> str | None:
    """What is wrong with the type of the column that decides the split.

    Args:
        recipe: Selects the column.
        split: The cut dates, if the column is one of times.
        kind: The column's type; Arrow's null where it is not known before rows are read.

    Returns:
        The problem; None if there is none.
    """
    if pa.types.is_null(kind):
        return None
    if recipe.split_time:
        try:
            for cut in split.cuts:
                to_scalar(cut, kind)
        except ValueError as error:
            return f"split_time {recipe.split_time!r}: {error}"
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    if recipe.split_column and not (pa.types.is_string(inner) or pa.types.is_large_string(inner)):
        return f"split_column {recipe.split_column!r}: expected text ({', '.join(SPLITS)}), got {kind}"
    return None


def to_scalar(cut: Any, kind: pa.DataType) -> pa.Scalar:
    """A cut date as a value of the column that it divides. A date or time without a zone is one of the column's zone.

    Args:
        cut: A date, a time or a number.
        kind: The type of the column.

    Raises:
        ValueError: The type is not one of dates, times or numbers, or not that of the cut.
    """
    is_time = isinstance(cut, date)  # of which datetime is a subclass
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        if not is_time:
            return pa.scalar(cut)
    elif pa.types.is_timestamp(kind) and is_time:
        return _to_timestamp(cut, kind)
    elif pa.types.is_date(kind) and is_time:
        if not isinstance(cut, datetime):
            return pa.scalar(cut).cast(kind)
        raise ValueError(f"expected a date as the cut, since the column has dates, got the time {cut}")
    elif not (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        raise ValueError(f"expected a column of times, dates or numbers, got {kind}")
    raise ValueError(f"expected a cut of the column's type, {kind}, got {cut!r}")


def _to_timestamp(cut: Any, kind: pa.TimestampType) -> pa.Scalar:
    moment = cut if isinstance(cut, datetime) else datetime.combine(cut, time())
    if moment.tzinfo is None:
        scalar = pa.scalar(moment, pa.timestamp("us"))
        return pc.assume_timezone(scalar, kind.tz) if kind.tz else scalar
    if kind.tz is None:
        raise ValueError(f"the column has times without a zone, but the cut {cut} has one")
    return pa.scalar(moment, pa.timestamp("us", kind.tz))


def _assign_by_time(times: pa.ChunkedArray, cuts: Sequence[Any]) -> npt.NDArray[np.int8]:
    try:
        scalars = [to_scalar(cut, times.type) for cut in cuts]
    except ValueError as error:
        raise FirelibError(
            str(error), where="Recipe.split_time, in the table that transform returns", remedy="convert the column"
        ) from None
    splits = np.zeros(len(times), np.int8)
    for scalar in scalars:
        splits += pc.greater_equal(times, scalar).to_numpy()
    return splits


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string())


def _unknown_splits(column: pa.ChunkedArray, name: str) -> Counter[str]:
    known = pc.is_in(_as_text(column), pa.array([*SPLITS, None]))
    others = Counter(column.filter(pc.invert(known)).to_pylist())
    return Counter({f"column {name!r} is {value!r}": rows for value, rows in others.most_common(5)})
