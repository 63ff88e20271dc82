"""Delta tables of the lake: one for each source, with one version for each distinct value of `commit_by`."""

import hashlib
import re
from collections.abc import Iterable, Sequence

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Schema
from deltalake.exceptions import TableNotFoundError
from deltalake.transaction import create_table_with_add_actions

from firelib import storage
from firelib.data.formats.lake_types import INFERRED_TYPE, RAW_TYPE
from firelib.data.lake import Commit, TableRecord
from firelib.data.parts.delta_files import delta_schema, write_data_file
from firelib.data.parts.part import Part
from firelib.errors import FirelibError

_PART_HASH = "firelib.part"  # key in the metadata of a commit
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
    schema = Schema.from_arrow(delta_schema(part.rows.schema))
    with storage.explain_full_disk(uri):
        file = write_data_file(uri, f"part-{part.sha256}.snappy.parquet", part.rows)
        table = open_table(uri)
        if table is None:
            create_table_with_add_actions(uri, schema, [file], commit_properties=properties)
        else:
            table.create_write_transaction([file], "append", schema, commit_properties=properties)


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
