"""A table of the lake at a version, also one that a later extract has superseded."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa
import pyarrow.parquet as pq

from firelib import storage
from firelib.data.delta_tables import list_data_files, matches_record, open_table
from firelib.data.lake import Commit, Lake, TableRecord
from firelib.data.versions.superseded_table import parse_superseded
from firelib.errors import FirelibError

_BATCH_ROWS = 1 << 16


@dataclass(frozen=True)
class PinnedTable:
    """A table at a version.

    Attributes:
        name: Name of the table.
        uri: The Delta table that has the version.
        record: Its entry in lake.json.
        version: The version.
    """

    name: str
    uri: str
    record: TableRecord
    version: int

    @cached_property
    def commits(self) -> tuple[Commit, ...]:
        """What the versions up to this one added, oldest first."""
        return self.record.commits[: self.version + 1]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.commits[-1].rows

    def read(self, commits: Iterable[Commit], columns: Iterable[str]) -> Iterator[pa.RecordBatch]:
        """The rows that commits added, in batches no larger than a row group, whose size in memory is bounded.

        Args:
            commits: Some of `commits`.
            columns: Names of the columns to read.
        """
        names = list(columns)
        for commit in commits:
            for uri in self._files(commit.version) - self._files(commit.version - 1):
                fs, path = storage.filesystem(uri)
                with fs.open(path) as file:
                    parquet = pq.ParquetFile(file)
                    for index in range(parquet.num_row_groups):
                        yield from parquet.iter_batches(_BATCH_ROWS, row_groups=[index], columns=names)

    def _files(self, version: int) -> set[str]:
        table = open_table(self.uri, version) if version >= 0 else None
        return set(list_data_files(table)) if table else set()


def find_tables(lake: Lake, versions: Mapping[str, int], folder: str) -> dict[str, PinnedTable]:
    """The tables that a lake.json pins.

    Args:
        lake: The content of lake.json, which may be that of an earlier git revision.
        versions: Table name → version.
        folder: URI of the folder of the tables.

    Raises:
        FirelibError: The folder has no table with the pinned versions.
    """
    return {
        name: PinnedTable(name, _find_uri(lake, name, folder), lake.tables[name], versions[name]) for name in versions
    }


def _find_uri(lake: Lake, name: str, folder: str) -> str:
    names = storage.list_names(folder)
    candidates = [name, *(entry for entry in names if parse_superseded(entry) == name)]
    for candidate in candidates:
        uri = storage.join(folder, candidate)
        if matches_record(uri, lake.tables[name]):
            return uri
    raise FirelibError(
        f"the lake lacks the rows of table {name!r} that lake.json pins",
        where=folder,
        remedy="git checkout the revision, run firelib extract there, and come back; tables of both then exist",
    )


def find_own_commits(table: PinnedTable, other: PinnedTable) -> list[Commit]:
    """The commits of a table whose rows are not those of a commit of another table.

    Equal commits cancel, so that a comparison costs what differs.
    """
    left = Counter(commit.sha256 for commit in other.commits)
    own = []
    for commit in table.commits:
        if left[commit.sha256] > 0:
            left[commit.sha256] -= 1
        else:
            own.append(commit)
    return own
