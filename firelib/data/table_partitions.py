"""Divide the files of a table into partitions of about the same size in memory, however many commits wrote them."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import pyarrow as pa
import pyarrow.parquet as pq

from firelib import storage
from firelib.errors import FirelibError

_LARGE_GROUP = 64 << 20  # bytes of a row group in memory, from which several partitions may read it
_MOST_SLICES = 16  # of a row group: each reader decodes the rows before its slice, too
_BUFFER_BYTES = 1 << 20  # of a column that is read batch by batch
_READERS = 8  # files or footers that are read at the same time: most of the time, a request to a bucket waits


@dataclass(frozen=True)
class DataFile:
    """A Parquet file of a table.

    Attributes:
        uri: The file.
        rows: Number of rows.
        nbytes: Estimated size of the rows in memory, in bytes.
    """

    uri: str
    rows: int
    nbytes: int


@dataclass(frozen=True)
class Piece:
    """A whole file, one row group of a large file, or some rows of a large row group.

    Attributes:
        uri: The file.
        row_group: Index of the row group; None is the whole file.
        nbytes: Estimated size of the rows in memory, in bytes.
        rows: The first row of the row group, and the one after the last; None is the whole row group.
    """

    uri: str
    row_group: int | None
    nbytes: int
    rows: tuple[int, int] | None = None


def plan_partitions(files: Sequence[DataFile], partition_bytes: int) -> list[list[Piece]]:
    """Group small files, and divide large ones at their row groups.

    Args:
        files: The files of the table.
        partition_bytes: Target size of a partition in memory, in bytes. Only row groups that are much larger are
            divided.

    Returns:
        What each partition reads. The rows keep the order of `files`.
    """
    partitions: list[list[Piece]] = []
    nbytes = 0
    for piece in _divide_files(files, partition_bytes):
        if not partitions or nbytes + piece.nbytes > partition_bytes:
            partitions.append([])
            nbytes = 0
        partitions[-1].append(piece)
        nbytes += piece.nbytes
    return partitions


def _divide_files(files: Sequence[DataFile], partition_bytes: int) -> Iterator[Piece]:
    large = [file for file in files if file.nbytes > partition_bytes]
    with ThreadPoolExecutor(_READERS) as executor:
        pieces = dict(
            zip(
                (file.uri for file in large),
                executor.map(partial(_divide_file, partition_bytes=partition_bytes), large),
                strict=True,
            )
        )
    for file in files:
        yield from pieces.get(file.uri, [Piece(file.uri, None, file.nbytes)])


def _divide_file(file: DataFile, partition_bytes: int) -> list[Piece]:
    with open_parquet(file.uri) as parquet:
        rows = [parquet.metadata.row_group(index).num_rows for index in range(parquet.num_row_groups)]
    row_bytes = file.nbytes / max(sum(rows), 1)
    return [
        piece
        for index, count in enumerate(rows)
        for piece in _divide_group(file.uri, index, count, row_bytes, partition_bytes)
    ]


def _divide_group(uri: str, index: int, rows: int, row_bytes: float, partition_bytes: int) -> list[Piece]:
    """A row group, in slices if it is large."""
    nbytes = int(rows * row_bytes)
    if nbytes <= max(_LARGE_GROUP, 2 * partition_bytes):
        return [Piece(uri, index, nbytes)]
    count = min(_MOST_SLICES, -(-nbytes // max(partition_bytes, _LARGE_GROUP // 2)))
    edges = [rows * number // count for number in range(count + 1)]
    return [Piece(uri, index, int((stop - start) * row_bytes), (start, stop)) for start, stop in pairwise(edges)]


def read_pieces(pieces: Iterable[Piece], columns: Sequence[str] | None = None) -> pa.Table:
    """The rows of a partition.

    Args:
        pieces: What to read, in order.
        columns: Names of the columns to read; None is all.
    """
    with ThreadPoolExecutor(_READERS) as executor:
        return pa.concat_tables(executor.map(partial(_read_piece, columns=columns), pieces))


def _read_piece(piece: Piece, columns: Sequence[str] | None) -> pa.Table:
    if piece.row_group is not None and piece.rows is not None:
        return _read_slice(piece.uri, piece.row_group, *piece.rows, columns)
    with open_parquet(piece.uri) as parquet:
        if piece.row_group is None:
            return parquet.read(columns)
        return parquet.read_row_group(piece.row_group, columns)


def _read_slice(uri: str, row_group: int, start: int, stop: int, columns: Sequence[str] | None) -> pa.Table:
    """Rows of a row group, in batches: memory holds them and a batch, not the row group."""
    with open_parquet(uri, _BUFFER_BYTES) as parquet:
        kept, done = [], 0
        for batch in parquet.iter_batches((stop - start) // 8 + 1, row_groups=[row_group], columns=columns):
            first, last = max(start - done, 0), min(stop - done, batch.num_rows)
            if first < last:
                kept.append(batch.slice(first, last - first))
            done += batch.num_rows
            if done >= stop:
                break
        return pa.Table.from_batches(kept, None if columns and kept else parquet.schema_arrow)


def open_parquet(uri: str, buffer_bytes: int = 0) -> pq.ParquetFile:
    """A Parquet file of any file system, whose footer is read; `with` closes it.

    Args:
        uri: The file.
        buffer_bytes: Bytes of a column to read at a time; 0 reads all of a row group.

    Raises:
        FirelibError: The file was deleted, or the bucket cannot be used.
    """
    fs, path = storage.filesystem(uri)
    try:
        with storage.explain_storage(uri):
            return pq.ParquetFile(path, filesystem=fs, buffer_size=buffer_bytes)
    except FileNotFoundError as error:
        table = uri.rpartition("/")[0]
        raise FirelibError(
            "a file of the lake was deleted",
            where=uri,
            remedy=f"remove the whole table, {table}: firelib extract writes it again from its source",
        ) from error
