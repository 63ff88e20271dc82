"""Write rows as a data file of a Delta table, a row group at a time and in their order.

`deltalake.write_deltalake` mixes up the batches of a stream: several of its writers take them in turn.
"""

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake.transaction import AddAction

from firelib import storage
from firelib.data.formats.lake_types import map_leaves
from firelib.data.parts.row_store import StoredRows

_ROW_GROUP_BYTES = 8 * 2**20  # of Arrow rows; the smallest unit that a partition can read


@dataclass(frozen=True)
class DataFile:
    """A data file that was written.

    Attributes:
        action: Its entry for Delta's log, with the number of rows and of nulls.
        sha256: Hash of its bytes, in hex.
    """

    action: AddAction
    sha256: str


def delta_schema(schema: pa.Schema) -> pa.Schema:
    """The types in which Delta's files store rows: its only unit of time is the microsecond, its only zone UTC."""
    return pa.schema([field.with_type(map_leaves(field.type, _in_microseconds)) for field in schema])


def write_data_file(table: str, name: str, rows: pa.Table | StoredRows) -> DataFile:
    """Write a Parquet file below a table, and describe it for Delta's log.

    Args:
        table: URI of the table.
        name: Name of the file; an unfinished one of an earlier attempt is replaced.
        rows: The rows.

    Returns:
        The file's entry for Delta's log, and its hash.
    """
    schema = delta_schema(rows.schema)
    group_rows = max(rows.num_rows * _ROW_GROUP_BYTES // max(rows.nbytes, 1), 1)
    nulls = dict.fromkeys(schema.names, 0)
    fs, path = storage.filesystem(storage.join(table, name))
    storage.make_folder(table)
    try:
        with fs.open(path, "wb") as file, pq.ParquetWriter(hashed := _HashedFile(file), schema) as writer:
            for group in _regroup(rows, group_rows):
                group = group.cast(schema)
                writer.write_table(group, row_group_size=group_rows)
                for column in schema.names:
                    nulls[column] += group[column].null_count
    except BaseException:
        with suppress(Exception):  # the storage may be what has failed; the file is in no log
            fs.rm_file(path)
        raise
    known = {column: count for column, count in nulls.items() if not pa.types.is_nested(schema.field(column).type)}
    stats = json.dumps({"numRecords": rows.num_rows, "nullCount": known})
    action = AddAction(name, int(fs.size(path)), {}, time.time_ns() // 10**6, True, stats)
    return DataFile(action, hashed.digest.hexdigest())


class _HashedFile:
    """A file whose content is hashed as it is written; Parquet is written from its beginning to its end.

    Args:
        file: The file, which its owner closes.

    Attributes:
        digest: The SHA-256 of what was written.
    """

    closed = False

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._end = file, 0
        self.digest = hashlib.sha256()

    def write(self, content: bytes) -> int:
        """Write and hash content."""
        self._file.write(content)
        self.digest.update(content)
        self._end += len(content)
        return len(content)

    def tell(self) -> int:
        """Number of bytes that were written."""
        return self._end

    def flush(self) -> None:
        """Do nothing: the owner does it when it closes the file."""

    def close(self) -> None:
        """Do nothing."""


def _regroup(rows: pa.Table | StoredRows, size: int) -> Iterator[pa.Table]:
    """The rows in tables of the same number of rows, but for the last."""
    held: list[pa.RecordBatch] = []
    for batch in rows.to_batches():
        while sum(each.num_rows for each in held) + batch.num_rows >= size:
            taken = size - sum(each.num_rows for each in held)
            yield pa.Table.from_batches([*held, batch.slice(0, taken)], rows.schema)
            held, batch = [], batch.slice(taken)
        if batch.num_rows:
            held.append(batch)
    if held:
        yield pa.Table.from_batches(held, rows.schema)


def _in_microseconds(kind: pa.DataType) -> pa.DataType:
    return pa.timestamp("us", "UTC" if kind.tz else None) if pa.types.is_timestamp(kind) else kind
