"""Delta tables of the lake: one for each source, with one version for each distinct value of `commit_by`."""

import re
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Schema
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import create_table_with_add_actions

from firelib import storage
from firelib.data.formats.lake_types import INFERRED_TYPE, RAW_TYPE
from firelib.data.lake import Commit, TableRecord
from firelib.data.parts.delta_files import delta_schema, write_data_file
from firelib.data.parts.delta_options import delta_options
from firelib.data.parts.part import Part
from firelib.errors import FirelibError
from firelib.storage.retry import retry_unanswered

#: Folder of a table's log.
LOG = "_delta_log"
_PART_HASH, _FILE_HASH = "firelib.part", "firelib.file"  # keys in the metadata of a commit
_DATA_FILE = re.compile(r"part-([0-9a-f]{64})-[0-9a-f]{8}\.snappy\.parquet")
_RAW = (RAW_TYPE, INFERRED_TYPE)
# By default, a table with a hundred versions drops the log of those that are older than 30 days: they could not be read
# any more, and their hashes would be gone. And it counts the nulls, which decide dtypes, of its first 32 columns only.
_CONFIGURATION = {"delta.enableExpiredLogCleanup": "false", "delta.dataSkippingNumIndexedCols": "-1"}
_KEEP_LOG = PostCommitHookProperties(cleanup_expired_logs=False)  # also of tables without this configuration
_UNSAFE = re.compile(r"[\[\]\\]|%[0-9A-Fa-f]{2}")
_UNSAFE_IN_BUCKETS = re.compile(rf"{_UNSAFE.pattern}|[?#*]")  # `*` is a pattern of fsspec


def check_table_paths(lake: str, names: Iterable[str]) -> None:
    """Refuse paths that the Delta library would mistake for other ones, or crash on.

    Args:
        lake: URI of the lake.
        names: Names of its tables.

    Raises:
        FirelibError: A path contains a bracket, a backslash, or `%` and two hexadecimal digits; in a bucket, also a
            question mark, a hash sign or an asterisk.
    """
    pattern = _UNSAFE if storage.is_local(lake) else _UNSAFE_IN_BUCKETS
    found = {name: pattern.search(storage.join(lake, name)) for name in names}
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

    Raises:
        FirelibError: The bucket cannot be used, or the table's log is damaged.
    """
    with storage.explain_storage(uri), _explain_log(uri):
        try:
            return _load(uri, version)
        except TableNotFoundError:
            return None


class OpenTables:
    """The tables of a lake at their pinned versions, each opened once: the log of many versions takes a while to read.

    Args:
        lake: URI of the folder of the tables.
    """

    def __init__(self, lake: str) -> None:
        self._lake, self._known = lake, dict[str, DeltaTable]()

    def open(self, name: str, version: int) -> DeltaTable | None:
        """A table at a version; None if the table or the version does not exist.

        Args:
            name: Name of the table.
            version: The version.

        Raises:
            FirelibError: The bucket cannot be used, or the table's log is damaged.
        """
        known = self._known.get(name)
        if known is None or known.version() != version:
            known = open_table(storage.join(self._lake, name), version)
        if known is not None:
            self._known[name] = known
        return known

    def forget(self) -> None:
        """Open tables anew: others have been written."""
        self._known.clear()

    def has_parts(self, name: str, record: TableRecord) -> bool:
        """Whether a table has the rows that lake.json pins, in whatever order they were committed.

        The names of the data files tell it. The history, which `matches_record` reads, is in as many files as the table
        has versions; it decides for a table whose files an earlier version of firelib has named.

        Args:
            name: Name of the table.
            record: Its entry in lake.json.
        """
        table = self.open(name, record.version)
        if table is None:
            return False
        parts = [find_part(file) for file in table.file_uris()]
        if None in parts:
            return matches_record(storage.join(self._lake, name), record)
        return sorted(map(str, parts)) == sorted(commit.sha256 for commit in record.commits)


@retry_unanswered
def _load(uri: str, version: int | None) -> DeltaTable | None:
    options = delta_options(uri)
    if version is None:
        return DeltaTable(uri, storage_options=options)
    try:
        return DeltaTable(uri, version=version, storage_options=options)
    except DeltaError:
        if version <= DeltaTable(uri, storage_options=options).version():
            raise
        return None


def list_data_files(table: DeltaTable) -> list[str]:
    """URIs of a table's data files, as fsspec takes them: Delta's library escapes letters in those of buckets."""
    return [uri if storage.is_local(uri) else unquote(uri) for uri in table.file_uris()]


@contextmanager
def _explain_log(uri: str) -> Iterator[None]:
    """Explain a log that lacks entries, or holds damaged ones."""
    try:
        yield
    except DeltaError as error:
        problem = str(error).partition("\n")[0]
        raise FirelibError(
            f"the log of the Delta table cannot be read: {problem}",
            where=uri,
            remedy="if files were deleted there, remove the whole folder: firelib extract writes the table again",
        ) from error


def read_part_hashes(uri: str) -> list[str]:
    """Hashes of the parts that a table's versions added, oldest first."""
    table = open_table(uri)
    if table is None:
        return []
    with storage.explain_storage(uri), _explain_log(uri):
        history = sorted(table.history(), key=lambda commit: commit["version"])
    return [str(commit.get(_PART_HASH, "")) for commit in history]


def read_file_hashes(uri: str, version: int) -> dict[str, str | None]:
    """The data files of a table at a version, and the SHA-256 that their commits pinned.

    Args:
        uri: The table.
        version: The version.

    Returns:
        URI of a file → hash in hex; None for files that an earlier version of firelib wrote.
    """
    table = open_table(uri, version)
    if table is None:
        return {}
    with storage.explain_storage(uri), _explain_log(uri):
        pinned = {str(commit.get(_PART_HASH)): commit.get(_FILE_HASH) for commit in table.history()}
    return {file: pinned.get(str(find_part(file))) for file in list_data_files(table)}


def matches_record(uri: str, record: TableRecord) -> bool:
    """Whether a table has the versions that lake.json pins; the table may have newer versions, too.

    Args:
        uri: The table.
        record: Its entry in lake.json.
    """
    return has_pinned(read_part_hashes(uri), record)


def find_part(file: str) -> str | None:
    """Hash of the part in a data file, by the file's name; None if an earlier version of firelib has named it."""
    match = _DATA_FILE.search(file)
    return match[1] if match else None


def has_pinned(hashes: Sequence[str], record: TableRecord) -> bool:
    """Whether the first versions of a table are those that lake.json pins.

    Args:
        hashes: What `read_part_hashes` returned.
        record: The table's entry in lake.json.
    """
    return [*hashes[: len(record.commits)]] == [commit.sha256 for commit in record.commits]


def append_part(uri: str, part: Part, version: int) -> None:
    """Commit a part as a version of a table. Of processes that commit the same part at once, one does it for all.

    Args:
        uri: The table; version 0 creates it.
        part: The rows to append.
        version: The version, which follows the newest one.

    Raises:
        FirelibError: The disk is full, the bucket cannot be used, or another process has committed other rows.
    """
    try:
        with storage.explain_storage(uri):
            _commit(uri, part, version)
    except DeltaError as error:
        if read_part_hashes(uri)[version : version + 1] != [part.sha256]:
            raise FirelibError(
                f"another process has changed the table while version {version} was written: {error}",
                where=uri,
                remedy="wait for its end, then run the same command again; give each project its own storage.root",
            ) from error


@retry_unanswered
def _commit(uri: str, part: Part, version: int) -> None:
    schema = Schema.from_arrow(delta_schema(part.rows.schema))
    table = open_table(uri)
    newest = -1 if table is None else table.version()
    if newest != version - 1:
        raise CommitFailedError(f"the newest version is {newest}, expected {version - 1}")
    # No two attempts write the same file: one could replace what the other has committed. A file of a failed attempt
    # stays, since its commit may have succeeded although the answer was lost.
    file = write_data_file(uri, f"part-{part.sha256}-{uuid.uuid4().hex[:8]}.snappy.parquet", part.rows)
    # Without retries: Delta would append the part behind a version that another process has committed meanwhile.
    hashes = {_PART_HASH: part.sha256, _FILE_HASH: file.sha256}
    properties = CommitProperties(custom_metadata=hashes, max_commit_retries=0)
    if table is None:
        create_table_with_add_actions(
            uri,
            schema,
            [file.action],
            configuration=_CONFIGURATION,
            storage_options=delta_options(uri),
            commit_properties=properties,
            post_commithook_properties=_KEEP_LOG,
        )
    else:
        table.create_write_transaction(
            [file.action], "append", schema, commit_properties=properties, post_commithook_properties=_KEEP_LOG
        )


def count_rows(uri: str) -> int:
    """Number of rows of a table's newest version, as Delta's log tells it."""
    table = open_table(uri)
    if table is None:
        return 0
    return int(pc.sum(pa.table(table.get_add_actions())["num_records"]).as_py() or 0)


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
