"""Rows that two versions of a table do not share: added, removed, changed.

Commits with equal rows are skipped. Of all other rows, only hashes are kept: 16 bytes each.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from firelib.data.frames.pandas_frames import NULLABLE_DTYPES
from firelib.data.lake import Commit
from firelib.data.versions.pinned_table import PinnedTable, find_own_commits

_MOST_EXAMINED = 10_000  # changed rows whose columns are compared
_Hashes = npt.NDArray[np.uint64]
_KEY, _ROW = "key", "row"


@dataclass(frozen=True)
class RowChanges:
    """What has become of the rows of a table.

    Attributes:
        table: Name of the table.
        before: Number of rows in the first version.
        after: Number of rows in the second version.
        added: Rows whose key only the second version has.
        removed: Rows whose key only the first version has.
        changed: Rows with the same key and other values.
        key: Columns that identify a row; empty if a row is identified by all its values, so that none can change.
        columns: Column → number of changed rows with another value, among the rows that were examined.
        examined: Number of changed rows whose columns were compared.
    """

    table: str
    before: int
    after: int
    added: int
    removed: int
    changed: int
    key: tuple[str, ...] = ()
    columns: Counter[str] = field(default_factory=Counter)
    examined: int = 0


def compare_rows(before: PinnedTable, after: PinnedTable, key: Sequence[str]) -> RowChanges:
    """Compare the rows of two versions of a table, by the columns that both have with the same type.

    Args:
        before: The first version.
        after: The second version.
        key: The recipe's key. Columns that the table lacks are left out; if the others do not identify its rows, rows
            are compared as a whole.
    """
    kinds = after.record.columns
    columns = [name for name, kind in before.record.columns.items() if kinds.get(name) == kind]
    own = find_own_commits(before, after), find_own_commits(after, before)
    present = tuple(name for name in key if name in columns)
    hashes = [
        _hash_table(table, commits, columns, present) for table, commits in zip((before, after), own, strict=True)
    ]
    if not present or any(part[_KEY].duplicated().any() for part in hashes):
        present, hashes = (), [part.assign(**{_KEY: part[_ROW]}) for part in hashes]
    pairs = hashes[0].merge(hashes[1], on=_KEY, suffixes=("_before", "_after")) if present else None
    if pairs is None:
        added, removed = _count_difference(hashes[0][_ROW], hashes[1][_ROW])
        return RowChanges(before.name, before.rows, after.rows, added, removed, 0)
    changed = np.sort(pairs.loc[pairs[f"{_ROW}_before"] != pairs[f"{_ROW}_after"], _KEY].to_numpy(np.uint64))
    examined = changed[:_MOST_EXAMINED]
    return RowChanges(
        before.name,
        before.rows,
        after.rows,
        added=len(hashes[1]) - len(pairs),
        removed=len(hashes[0]) - len(pairs),
        changed=len(changed),
        key=present,
        columns=_compare_columns((before, after), own, columns, present, examined) if len(examined) else Counter(),
        examined=len(examined),
    )


def _hash_table(
    table: PinnedTable, commits: Iterable[Commit], columns: Sequence[str], key: Sequence[str]
) -> pd.DataFrame:
    """The hashes of the key and of all columns of each row."""
    parts = [pd.DataFrame({_KEY: np.zeros(0, np.uint64), _ROW: np.zeros(0, np.uint64)})]
    for batch in table.read(commits, columns):
        rows = _hashable(batch)
        parts.append(pd.DataFrame({_KEY: _hash(rows[list(key)]), _ROW: _hash(rows)}))
    return pd.concat(parts, ignore_index=True)


def _hashable(batch: pa.RecordBatch) -> pd.DataFrame:
    """Rows in pandas, whose dtypes depend on the types alone: a batch without nulls gives equal hashes, too."""
    if not batch.num_columns:  # a table of Arrow without columns has no rows
        return pd.DataFrame(index=range(batch.num_rows))
    columns = [_plain(column) for column in batch.columns]
    frame: pd.DataFrame = pa.table(columns, names=batch.schema.names).to_pandas(types_mapper=NULLABLE_DTYPES.get)
    return frame


def _plain(column: pa.Array) -> pa.Array:
    """A column as pandas hashes it: nested values, dates, times of day and decimals as text."""
    if pa.types.is_nested(column.type):
        return pa.array([None if value is None else repr(value) for value in column.to_pylist()], pa.string())
    is_object = any(check(column.type) for check in (pa.types.is_decimal, pa.types.is_date, pa.types.is_time))
    return column.cast(pa.string()) if is_object else column


def _hash(rows: pd.DataFrame) -> _Hashes:
    if not len(rows.columns):
        return np.zeros(len(rows), np.uint64)
    return pd.util.hash_pandas_object(rows, index=False).to_numpy().astype(np.uint64)


def _count_difference(before: "pd.Series[Any]", after: "pd.Series[Any]") -> tuple[int, int]:
    """Number of rows that only the second and only the first version has; equal rows count as often as they occur."""
    difference = after.value_counts().sub(before.value_counts(), fill_value=0)
    return int(difference[difference > 0].sum()), int(-difference[difference < 0].sum())


def _compare_columns(
    tables: tuple[PinnedTable, PinnedTable],
    own: tuple[list[Commit], list[Commit]],
    columns: Sequence[str],
    key: Sequence[str],
    keys: _Hashes,
) -> Counter[str]:
    """Column → number of rows with these keys that have another value."""
    hashes = [_hash_columns(table, commits, columns, key, keys) for table, commits in zip(tables, own, strict=True)]
    differs = hashes[0] != hashes[1]
    return Counter({str(name): int(count) for name, count in differs.sum().items() if count})


def _hash_columns(
    table: PinnedTable, commits: Iterable[Commit], columns: Sequence[str], key: Sequence[str], keys: _Hashes
) -> pd.DataFrame:
    """A hash of each value in the rows with some keys, sorted by the hash of the key."""
    parts = []
    for batch in table.read(commits, columns):
        rows = _hashable(batch)
        found = _hash(rows[list(key)])
        wanted = np.isin(found, keys)
        if wanted.any():
            chosen = rows[wanted]
            parts.append(pd.DataFrame({name: _hash(chosen[[name]]) for name in columns}, index=found[wanted]))
    return pd.concat(parts).sort_index()
