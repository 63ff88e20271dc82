"""Delta tables of the lake: one for each source, with one version for each distinct value of `commit_by`."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, WriterProperties, write_deltalake
from deltalake.exceptions import TableNotFoundError

from firelib import storage
from firelib.data.formats.lake_types import INFERRED_TYPE, RAW_TYPE
from firelib.data.lake import Commit, TableRecord
from firelib.data.sources.row_sets import hash_rows
from firelib.errors import FirelibError

_PART_HASH = "firelib.part"  # key in the metadata of a commit
_INDICES = "indices of the rows"
_ROW_GROUP_BYTES = 8 * 2**20  # of Arrow rows; the smallest unit that a partition can read
_RAW = (RAW_TYPE, INFERRED_TYPE)
_UNSAFE = re.compile(r"[\[\]\\]|%[0-9A-Fa-f]{2}")


def check_table_paths(lake: str, names: Iterable[str]) -> None:
    """Refuse local paths that the Delta library would mistake for other ones, or crash on.

    Args:
        lake: URI of the lake.
        names: Names of its tables.

    Raises:
        FirelibError: A path contains a bracket, a backslash, or `%` and two hexadecimal digits.
    """
    found = {name: _UNSAFE.search(storage.join(lake, name)) for name in names} if storage.is_local(lake) else {}
    unsafe = {name: match[0] for name, match in found.items() if match}
    if unsafe:
        raise FirelibError(
            "\n".join(
                f"table {name!r}: Delta tables cannot have a path with {text!r}" for name, text in unsafe.items()
            ),
            where=lake,
            remedy="rename the folder or the table, or set storage.root (FIRELIB_STORAGE_ROOT) to another folder",
        )


@dataclass(frozen=True)
class Part:
    """Rows that become one version of a table.

    Attributes:
        group: Values of `commit_by` in these rows; empty without `commit_by`.
        rows: The rows, in the order of the source.
    """

    group: dict[str, int | str]
    rows: pa.Table

    @cached_property
    def sha256(self) -> str:
        """Hash of the rows' Arrow stream, which identifies a version that has these rows."""
        return hash_rows(self.rows)


def split_into_parts(table: pa.Table, commit_by: Sequence[str], where: str = "Source.commit_by") -> list[Part]:
    """Split a table into the parts that become its versions.

    Args:
        table: The rows of the source.
        commit_by: Columns whose distinct values become one part each; with none, the table is one part.
        where: The declaration of `commit_by`, for errors.

    Returns:
        Parts in ascending order of the values; the rows of a part keep their order.

    Raises:
        FirelibError: A column of `commit_by` has missing values, or values that cannot be compared.
    """
    if not commit_by:
        return [Part(group={}, rows=table)]
    _check_groups(table, commit_by, where)
    groups = _group_rows(table, commit_by)
    parts = []
    for group in groups.to_pylist():
        indices = group.pop(_INDICES)
        json_group = {column: to_json_value(value) for column, value in group.items()}
        parts.append(Part(group=json_group, rows=table.take(pa.array(indices, pa.int64()))))
    check_rows_are_conserved(table.num_rows, sum(part.rows.num_rows for part in parts), where)
    return parts


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


def _check_groups(table: pa.Table, commit_by: Sequence[str], where: str) -> None:
    """Refuse missing values: NaN equals nothing, so no version would have its rows."""
    for column in commit_by:
        kind = table.schema.field(column).type
        if pa.types.is_nested(kind):
            problem = f"column {column!r} has values of type {kind}, which cannot be sorted"
        else:
            missing = pc.sum(pc.is_null(table[column], nan_is_null=pa.types.is_floating(kind))).as_py()
            problem = f"column {column!r} is missing (null or NaN) in {missing} of {table.num_rows} rows"
            if not missing:
                continue
        raise FirelibError(problem, where=where, remedy="choose other columns for commit_by")


def _group_rows(table: pa.Table, commit_by: Sequence[str]) -> pa.Table:
    """The distinct values of `commit_by`, ascending, with the indices of their rows, ascending."""
    names = [f"{index}" for index in range(len(commit_by))]  # Arrow takes a name that begins with a dot for a path
    keys = table.select(list(commit_by)).rename_columns(names)
    keys = keys.append_column(_INDICES, pa.array(range(table.num_rows), pa.int64()))
    groups = keys.group_by(names, use_threads=False).aggregate([(_INDICES, "list")])
    groups = groups.rename_columns([*names, _INDICES]).sort_by([(name, "ascending") for name in names])
    return groups.rename_columns([*commit_by, _INDICES])


def to_json_value(value: Any) -> int | str:
    """A value of `commit_by` as lake.json has it."""
    if isinstance(value, int | str):
        return value
    return value.isoformat() if isinstance(value, date) else str(value)


def open_table(uri: str, version: int | None = None) -> DeltaTable | None:
    """A Delta table at a version.

    Args:
        uri: The table.
        version: The version; None is the newest.

    Returns:
        None if the table or the version does not exist.
    """
    try:
        table = DeltaTable(uri)
        if version is not None:
            if version > table.version():
                return None
            table.load_as_version(version)
    except TableNotFoundError:
        return None
    return table


def read_part_hashes(uri: str) -> list[str]:
    """Hashes of the parts that a table's versions added, oldest first."""
    table = open_table(uri)
    if table is None:
        return []
    history = sorted(table.history(), key=lambda commit: commit["version"])
    return [str(commit.get(_PART_HASH, "")) for commit in history]


def matches_record(uri: str, record: TableRecord) -> bool:
    """Whether a table has the versions that lake.json pins; the table may have newer versions, too.

    Args:
        uri: The table.
        record: Its entry in lake.json.
    """
    pinned = [commit.sha256 for commit in record.commits]
    return read_part_hashes(uri)[: len(pinned)] == pinned


def append_part(uri: str, part: Part) -> None:
    """Commit a part as the next version of a table.

    Args:
        uri: The table; it is created if it does not exist.
        part: The rows to append.

    Raises:
        FirelibError: The disk is full.
    """
    properties = CommitProperties(custom_metadata={_PART_HASH: part.sha256})
    group_rows = max(part.rows.num_rows * _ROW_GROUP_BYTES // max(part.rows.nbytes, 1), 1)
    writer = WriterProperties(max_row_group_size=group_rows, compression="SNAPPY")
    with storage.explain_full_disk(uri):
        write_deltalake(uri, part.rows, mode="append", commit_properties=properties, writer_properties=writer)


def count_rows(uri: str) -> int:
    """Number of rows of a table's newest version, as Delta's log tells it."""
    table = open_table(uri)
    if table is None:
        return 0
    return int(pc.sum(pa.table(table.get_add_actions())["num_records"]).as_py() or 0)


def supersede_table(uri: str) -> str:
    """Rename a table that no longer matches its source, and return its new URI. Nothing is deleted."""
    content = hashlib.sha256("".join(read_part_hashes(uri)).encode()).hexdigest()[:8]
    superseded = f"{uri}.superseded-{content}"
    fs, path = storage.filesystem(uri)
    _, target = storage.filesystem(superseded)
    if fs.exists(target):
        fs.rm(target, recursive=True)  # an earlier copy of the same versions
    fs.mv(path, target, recursive=True)
    return superseded


def build_table_record(source: str, sha256: str, schema: pa.Schema, parts: Sequence[Part]) -> TableRecord:
    """The entry of a table in lake.json.

    Args:
        source: URI of the source.
        sha256: Hash of the source's content.
        schema: Schema of the table.
        parts: The parts of its versions, oldest first.
    """
    rows, commits = 0, []
    for version, part in enumerate(parts):
        rows += part.rows.num_rows
        commits.append(Commit(version=version, rows=rows, group=part.group, sha256=part.sha256))
    return TableRecord(
        source=source,
        sha256=sha256,
        columns={field.name: str(field.type) for field in schema},
        rows=rows,
        version=len(parts) - 1,
        commits=tuple(commits),
        raw_types={f.name: kind.decode() for f in schema for key, kind in (f.metadata or {}).items() if key in _RAW},
    )
