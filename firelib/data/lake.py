"""The lake: each raw table is a Delta table; each group of `commit_by` is one version to travel to.

lake.json pins it. It depends on the sources alone: Delta's own files carry times and random names, so they stay
outside of what DVC hashes.
"""

import hashlib
from collections.abc import Sequence
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake.exceptions import TableNotFoundError
from pydantic import BaseModel, ConfigDict, ValidationError

from firelib import storage
from firelib.errors import FirelibError

_PART_HASH = "firelib.part"


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Commit(_Record):
    """One version of a table.

    version: Delta's version. rows: Rows of the table at this version. group: Values of `commit_by` that it added.
    sha256: Hash of the rows that it added.
    """

    version: int
    rows: int
    group: dict[str, int | str]
    sha256: str


class TableRecord(_Record):
    """One table of the lake: where it came from and what it holds."""

    source: str
    sha256: str
    columns: dict[str, str]
    rows: int
    version: int
    commits: tuple[Commit, ...]


class Lake(_Record):
    """The content of lake.json."""

    format: int = 1
    recipe: str
    tables: dict[str, TableRecord]

    def write(self, path: Path) -> None:
        storage.write_bytes(str(path), storage.to_json(self.model_dump(mode="json")))

    def versions(self, wanted: int | None) -> dict[str, int]:
        """The version of each table to read.

        Raises:
            FirelibError: A table that grows has no such version, or no table grows.
        """
        if wanted and all(len(record.commits) == 1 for record in self.tables.values()):
            raise FirelibError(
                f"no table of {self.recipe!r} grows, so none has version {wanted}",
                where="params.yaml: data.version",
                remedy="null takes the newest; Source.commit_by gives a table versions",
            )
        return {name: self.version_of(name, wanted) for name in self.tables}

    def version_of(self, table: str, wanted: int | None) -> int:
        """The version to read: `wanted` for tables that grow, else the newest.

        Raises:
            FirelibError: The table has no such version.
        """
        record = self.tables[table]
        if wanted is None or len(record.commits) == 1:
            return record.version
        if wanted > record.version:
            raise FirelibError(
                f"table {table!r} has versions 0 to {record.version}, not {wanted}",
                where="params.yaml: data.version",
                remedy="firelib data log lists them; null takes the newest",
            )
        return wanted


class Part(_Record):
    """Rows that become one version."""

    model_config = ConfigDict(arbitrary_types_allowed=True, frozen=True)

    group: dict[str, int | str]
    rows: pa.Table

    @cached_property
    def sha256(self) -> str:
        """Hash of the content, to tell whether a version already holds it."""
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, self.rows.schema) as writer:
            writer.write_table(self.rows.combine_chunks())
        return hashlib.sha256(sink.getvalue()).hexdigest()


def read_lake(path: Path) -> Lake:
    """lake.json, checked."""
    try:
        return Lake.model_validate(storage.read_json(str(path)))
    except ValidationError as error:
        raise FirelibError(
            f"not a lake.json: {error.errors()[0]['msg']}", where=str(path), remedy="firelib extract"
        ) from None


def split_into_parts(table: pa.Table, commit_by: Sequence[str]) -> list[Part]:
    """One part for each distinct value of `commit_by`, ascending; file order within a part."""
    if not commit_by:
        return [Part(group={}, rows=table)]
    groups = table.select(list(commit_by)).group_by(list(commit_by)).aggregate([])
    groups = groups.sort_by([(column, "ascending") for column in commit_by])
    holed = [column for column in commit_by if groups[column].null_count]
    if holed:
        raise FirelibError(
            f"column {holed[0]!r} is null in {table[holed[0]].null_count} rows",
            where="Source.commit_by",
            remedy="commit by columns without nulls: every row belongs to one version",
        )
    parts = []
    for group in groups.to_pylist():
        mask = None
        for column, value in group.items():
            equal = pc.equal(table[column], value)
            mask = equal if mask is None else pc.and_(mask, equal)
        parts.append(Part(group={column: _plain(value) for column, value in group.items()}, rows=table.filter(mask)))
    return parts


def _plain(value: Any) -> int | str:
    """A value as JSON can say it."""
    if isinstance(value, int | str):
        return value
    return value.isoformat() if isinstance(value, date) else str(value)


def open_table(uri: str, version: int | None = None) -> DeltaTable | None:
    """A Delta table at a version, or None where there is none (or not that version)."""
    try:
        table = DeltaTable(uri)
        if version is not None:
            if version > table.version():
                return None
            table.load_as_version(version)
    except TableNotFoundError:
        return None
    return table


def committed_parts(uri: str) -> list[str]:
    """Hashes of the parts that a table's versions hold, oldest first."""
    table = open_table(uri)
    if table is None:
        return []
    history = sorted(table.history(), key=lambda commit: commit["version"])
    return [str(commit.get(_PART_HASH, "")) for commit in history]


def holds(uri: str, record: TableRecord) -> bool:
    """Whether a table's versions hold what lake.json says of them (its newest ones may be newer)."""
    pinned = [commit.sha256 for commit in record.commits]
    return committed_parts(uri)[: len(pinned)] == pinned


def append_part(uri: str, part: Part) -> None:
    """Commit one part as the next version."""
    properties = CommitProperties(custom_metadata={_PART_HASH: part.sha256})
    with storage.explain_full_disk(uri):
        write_deltalake(uri, part.rows, mode="append", commit_properties=properties)


def set_aside(uri: str) -> str:
    """Rename a table that no longer matches its source; nothing is deleted."""
    content = hashlib.sha256("".join(committed_parts(uri)).encode()).hexdigest()[:8]
    aside = f"{uri}.superseded-{content}"
    fs, path = storage.filesystem(uri)
    _, target = storage.filesystem(aside)
    if fs.exists(target):
        fs.rm(target, recursive=True)  # the same content, set aside before
    fs.mv(path, target, recursive=True)
    return aside


def table_record(source: str, sha256: str, schema: pa.Schema, parts: Sequence[Part]) -> TableRecord:
    """What lake.json says of a table made of these parts."""
    rows, commits = 0, []
    for version, part in enumerate(parts):
        rows += part.rows.num_rows
        commits.append(Commit(version=version, rows=rows, group=part.group, sha256=part.sha256))
    columns: dict[str, Any] = {field.name: str(field.type) for field in schema}
    return TableRecord(
        source=source, sha256=sha256, columns=columns, rows=rows, version=len(parts) - 1, commits=tuple(commits)
    )
