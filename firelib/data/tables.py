"""Read lake tables at a pinned version as Dask dataframes."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import dask.dataframe as dd
import pandas as pd
import pyarrow as pa
from deltalake import DeltaTable

from firelib import storage
from firelib.config import PARTITION_BYTES
from firelib.data.delta_tables import find_part, list_data_files, open_table
from firelib.data.formats.lake_types import ZONE
from firelib.data.frames.pandas_frames import to_pandas
from firelib.data.table_partitions import DataFile, Piece, open_parquet, plan_partitions, read_pieces
from firelib.errors import FirelibError

_SAMPLE_ROWS = 1000


@dataclass(frozen=True)
class TablePlan:
    """A version of a Delta table, divided into partitions.

    Attributes:
        partitions: What each partition reads.
        convert: Makes a frame of Arrow's rows.
        meta: A frame without rows.
    """

    partitions: Sequence[Sequence[Piece]]
    convert: Callable[[pa.Table], pd.DataFrame]
    meta: pd.DataFrame

    @property
    def largest_bytes(self) -> int:
        """Estimated size of the largest partition in memory, in bytes."""
        return max(sum(piece.nbytes for piece in pieces) for pieces in self.partitions)

    def to_dask(self) -> dd.DataFrame:
        """The rows, not yet read."""
        return dd.from_map(partial(_read_partition, self.convert), self.partitions, meta=self.meta)


def plan_table(
    uri: str, version: int, partition_bytes: int = PARTITION_BYTES, parts: Collection[str] | None = None
) -> TablePlan:
    """Divide a version of a Delta table, or the rows of some of its commits, into partitions.

    Args:
        uri: The Delta table.
        version: The version to read.
        partition_bytes: Target size of a partition in memory, in bytes.
        parts: Hashes of the rows of the commits to read; None reads all.

    Returns:
        Integer and boolean columns have NumPy dtypes where the rows have no nulls in them, else pandas' nullable
        dtypes. `docs/sources.md` lists the dtypes of all types.

    Raises:
        FirelibError: The version or a commit is missing or has no rows, or the bucket cannot be used.
    """
    table = require_version(open_table(uri, version), uri, version)
    return plan_files(table, uri, partition_bytes, parts)


def require_version(table: DeltaTable | None, uri: str, version: int) -> DeltaTable:
    """A table that exists.

    Args:
        table: What `open_table` returned.
        uri: The table.
        version: The version.

    Raises:
        FirelibError: It is None.
    """
    if table is None:
        raise FirelibError(
            "the table or its version is gone", where=f"{uri}, version {version}", remedy="run firelib extract again"
        )
    return table


def plan_files(table: DeltaTable, uri: str, partition_bytes: int, parts: Collection[str] | None = None) -> TablePlan:
    """Divide an open table; arguments, result and errors are those of `plan_table`."""
    entries = pa.table(table.get_add_actions(flatten=True))
    if parts is not None:
        entries = _select_parts(entries, parts, uri)
    actions = _add_actions(table, entries)
    if not actions:
        raise FirelibError(
            "the table has no rows",
            where=f"{uri}, version {table.version()}",
            remedy="set data.version to another version",
        )
    convert = partial(to_pandas, nullable=frozenset(_columns_with_nulls(table, entries)), zones=_time_zones(table))
    sample = convert(_read_head(max(actions, key=lambda action: action["size_bytes"])["uri"]))
    row_bytes = sample.memory_usage(index=False, deep=True).sum() / max(len(sample), 1)
    files = [_measure_file(action, row_bytes) for action in actions]
    return TablePlan(plan_partitions(files, partition_bytes), convert, sample.iloc[:0])


def _select_parts(entries: pa.Table, parts: Collection[str], uri: str) -> pa.Table:
    """Delta's entries for the data files with some parts, whose names tell which."""
    selected = pa.array([find_part(path) in parts for path in entries["path"].to_pylist()], pa.bool_())
    found = entries.filter(selected)
    if found.num_rows < len(parts):
        raise FirelibError(
            f"expected {len(parts)} data files of the wanted commits, got {found.num_rows}",
            where=uri,
            remedy="remove the whole folder: firelib extract writes the table again",
        )
    return found


def plan_tables(lake: str, versions: Mapping[str, int], partition_bytes: int) -> dict[str, TablePlan]:
    """Divide the tables of a lake into partitions.

    Args:
        lake: URI below which each table is a Delta table.
        versions: Table name → version to read.
        partition_bytes: Target size of a partition in memory, in bytes.

    Raises:
        FirelibError: A version has no rows.
    """
    return {name: plan_table(storage.join(lake, name), version, partition_bytes) for name, version in versions.items()}


def read_table(
    uri: str, version: int, partition_bytes: int = PARTITION_BYTES, parts: Collection[str] | None = None
) -> dd.DataFrame:
    """The rows as a Dask dataframe; arguments, dtypes and errors are those of `plan_table`."""
    return plan_table(uri, version, partition_bytes, parts).to_dask()


def _add_actions(table: DeltaTable, entries: pa.Table) -> list[dict[str, Any]]:
    """Delta's entries for data files, with their URIs, oldest first: names are random."""
    uris = {uri.rpartition("/")[2]: uri for uri in list_data_files(table)}
    added = entries.select(["path", "size_bytes", "modification_time", "num_records"]).to_pylist()
    actions = [{**entry, "uri": uris[entry["path"].rpartition("/")[2]]} for entry in added]
    return sorted(actions, key=lambda entry: (entry["modification_time"], entry["num_records"] or 0, entry["path"]))


def _read_head(uri: str) -> pa.Table:
    with open_parquet(uri) as parquet:
        batches = list(islice(parquet.iter_batches(_SAMPLE_ROWS), 1))
        return pa.Table.from_batches(batches, parquet.schema_arrow)


def _measure_file(action: Mapping[str, Any], row_bytes: float) -> DataFile:
    """A data file with its estimated size in memory: never less than on disk, where rows may be larger than others."""
    rows = action["num_records"] or 0
    return DataFile(action["uri"], rows, max(int(rows * row_bytes), action["size_bytes"]))


def _read_partition(
    convert: Callable[[pa.Table], pd.DataFrame], pieces: Sequence[Piece], columns: Sequence[str]
) -> pd.DataFrame:
    """A partition. Dask names the columns that the graph uses: a group-by of two columns reads no others."""
    if not columns:  # then the rows count, which Parquet does not read without a column
        return convert(read_pieces(pieces))[[]]
    return convert(read_pieces(pieces, columns))[list(columns)]


def _time_zones(table: DeltaTable) -> dict[str, str]:
    zones = {field.name: field.metadata.get(ZONE.decode()) for field in table.schema().fields}
    return {name: str(zone) for name, zone in zones.items() if zone}


def _columns_with_nulls(table: DeltaTable, entries: pa.Table) -> set[str]:
    """Columns with a null in some data files, or without a null count in Delta's entries for them."""
    names = {field.name for field in table.schema().fields}
    known = {name for name in names if f"null_count.{name}" in entries.column_names}
    nulls = {name for name in known if any(count != 0 for count in entries[f"null_count.{name}"].to_pylist())}
    return nulls | (names - known)
