"""Divide the rows of a source into the parts that become versions of its table."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from firelib.data.parts.row_store import RowStore, StoredRows
from firelib.data.parts.stream_hash import hash_stored_rows
from firelib.data.sources.row_sets import hash_rows
from firelib.errors import FirelibError

_INDICES = "indices of the rows"


class Batches(Protocol):
    """Rows that can be read in batches: a table, a stream, stored rows."""

    @property
    def schema(self) -> pa.Schema:
        """Their schema."""

    def to_batches(self) -> Iterable[pa.RecordBatch]:
        """The rows, in order."""


@dataclass(frozen=True)
class Part:
    """Rows that become one version of a table.

    Attributes:
        group: Values of `commit_by` in these rows; empty without `commit_by`.
        rows: The rows, in the order of the source.
    """

    group: dict[str, int | str]
    rows: pa.Table | StoredRows

    @cached_property
    def sha256(self) -> str:
        """Hash of the rows' Arrow stream, which identifies a version that has these rows."""
        if isinstance(self.rows, pa.Table):
            return hash_rows(self.rows)
        return hash_stored_rows(self.rows, is_slice=bool(self.group))


def split_into_parts(
    rows: Batches, commit_by: Sequence[str], where: str = "Source.commit_by", store: RowStore | None = None
) -> list[Part]:
    """Divide rows into the parts that become versions of a table.

    Args:
        rows: The rows of the source, which are read once.
        commit_by: Columns whose distinct values become one part each; with none, the rows are one part.
        where: The declaration of `commit_by`, for errors.
        store: Keeps the rows; by default in memory.

    Returns:
        Parts in ascending order of the values; the rows of a part keep their order.

    Raises:
        FirelibError: A column of `commit_by` has missing values, or values that cannot be compared.
    """
    store = store or RowStore()
    if not commit_by:
        stored = StoredRows(store, rows.schema)
        for batch in rows.to_batches():
            stored.append(batch)
        return [Part({}, stored)]
    groups = _Groups(rows.schema, commit_by, where, store)
    for batch in rows.to_batches():
        groups.add(batch)
    return groups.parts()


class _Groups:
    """Rows by the values of some columns."""

    def __init__(self, schema: pa.Schema, commit_by: Sequence[str], where: str, store: RowStore) -> None:
        self._schema, self._columns, self._where, self._store = schema, list(commit_by), where, store
        self._rows: dict[tuple[str, ...], StoredRows] = {}
        self._keys: list[pa.Table] = []  # the values of each group, one row each
        self._missing = dict.fromkeys(commit_by, 0)
        self._total = 0
        self._refuse_nested()

    def add(self, batch: pa.RecordBatch) -> None:
        """Append the rows of a batch to their groups, or only count missing values once there are any."""
        self._total += batch.num_rows
        for column in self._columns:
            values = batch.column(column)
            nulls = pc.is_null(values, nan_is_null=pa.types.is_floating(values.type))
            self._missing[column] += pc.sum(nulls).as_py() or 0
        if any(self._missing.values()):
            return
        groups = _group_rows(batch, self._columns)
        counts = pc.list_value_length(groups[_INDICES]).to_pylist()
        ordered = batch.take(pc.list_flatten(groups[_INDICES]).combine_chunks())
        start = 0
        for index, (group, count) in enumerate(zip(groups.drop_columns([_INDICES]).to_pylist(), counts, strict=True)):
            # 0.0 and -0.0 are equal, but not the same group
            key = tuple(map(repr, group.values()))
            if key not in self._rows:
                self._rows[key] = StoredRows(self._store, self._schema)
                self._keys.append(groups.select(self._columns).slice(index, 1))
            self._rows[key].append(ordered.slice(start, count))
            start += count

    def parts(self) -> list[Part]:
        """The parts of all rows, in ascending order of the values."""
        for column, missing in self._missing.items():
            if missing:
                raise self._refusal(f"column {column!r} is missing (null or NaN) in {missing} of {self._total} rows")
        if not self._keys:
            return []
        keys, rows = pa.concat_tables(self._keys), list(self._rows.values())
        found = [Part(_to_json_group(group), rows[index]) for index, group in _sort(keys)]
        check_rows_are_conserved(self._total, sum(part.rows.num_rows for part in found), self._where)
        return found

    def _refuse_nested(self) -> None:
        """Refuse columns without an order."""
        for column in self._columns:
            kind = self._schema.field(column).type
            if pa.types.is_nested(kind):
                raise self._refusal(f"column {column!r} has values of type {kind}, which cannot be sorted")

    def _refusal(self, what: str) -> FirelibError:
        return FirelibError(what, where=self._where, remedy="choose other columns for commit_by")


def check_rows_are_conserved(expected: int, actual: int, where: str) -> None:
    """Fail if rows were lost or added.

    Args:
        expected: Number of rows that came in.
        actual: Number of rows that went out.
        where: The step between both.

    Raises:
        FirelibError: The numbers differ.
    """
    if expected != actual:
        raise FirelibError(
            f"expected {expected} rows, got {actual}",
            where=where,
            remedy="report this as an error of firelib: no step may lose or add rows",
        )


def _group_rows(batch: pa.RecordBatch, commit_by: Sequence[str]) -> pa.Table:
    """The distinct values of `commit_by`, with the indices of their rows, ascending."""
    names = [f"{index}" for index in range(len(commit_by))]  # Arrow takes a name that begins with a dot for a path
    columns = [batch.column(column) for column in commit_by]
    keys = pa.table([*columns, np.arange(batch.num_rows)], names=[*names, _INDICES])
    groups = keys.group_by(names, use_threads=False).aggregate([(_INDICES, "list")])
    return groups.select([*names, f"{_INDICES}_list"]).rename_columns([*commit_by, _INDICES])


def _sort(keys: pa.Table) -> list[tuple[int, dict[str, Any]]]:
    """Groups in ascending order of their values, each with its row in the table."""
    names = [f"{index}" for index in range(keys.num_columns)]
    order = pc.sort_indices(keys.rename_columns(names), [(name, "ascending") for name in names]).to_pylist()
    groups = keys.to_pylist()
    return [(index, groups[index]) for index in order]


def _to_json_group(group: dict[str, Any]) -> dict[str, int | str]:
    return {column: to_json_value(value) for column, value in group.items()}


def to_json_value(value: Any) -> int | str:
    """A value of `commit_by` as lake.json has it."""
    if isinstance(value, int | str):
        return value
    return value.isoformat() if isinstance(value, date) else str(value)
