"""Divide the files of a table into partitions of about the same size in memory, however many commits wrote them."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from firelib import storage
from firelib.errors import FirelibError

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
    """A whole file, or one row group of a large file.

    Attributes:
        uri: The file.
        row_group: Index of the row group; None is the whole file.
        nbytes: Estimated size of the rows in memory, in bytes.
    """

    uri: str
    row_group: int | None
    nbytes: int


def plan_partitions(files: Sequence[DataFile], partition_bytes: int) -> list[list[Piece]]:
    """Group small files, and divide large ones at their row groups.

    Args:
        files: The files of the table.
        partition_bytes: Target size of a partition in memory, in bytes. A row group is never divided.

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
        pieces = dict(zip((file.uri for file in large), executor.map(_divide_file, large), strict=True))
    for file in files:
        yield from pieces.get(file.uri, [Piece(file.uri, None, file.nbytes)])


def _divide_file(file: DataFile) -> list[Piece]:
    with open_parquet(file.uri) as parquet:
        rows = [parquet.metadata.row_group(index).num_rows for index in range(parquet.num_row_groups)]
    return [Piece(file.uri, index, file.nbytes * count // max(sum(rows), 1)) for index, count in enumerate(rows)]


def read_pieces(pieces: Iterable[Piece]) -> pa.Table:
    """The rows of a partition.

    Args:
        pieces: What to read, in order.
    """
    with ThreadPoolExecutor(_READERS) as executor:
        return pa.concat_tables(executor.map(_read_piece, pieces))


def _read_piece(piece: Piece) -> pa.Table:
    with open_parquet(piece.uri) as parquet:
        return parquet.read() if piece.row_group is None else parquet.read_row_group(piece.row_group)


def open_parquet(uri: str) -> pq.ParquetFile:
    """A Parquet file of any file system, whose footer is read; `with` closes it.

    Raises:
        FirelibError: The file was deleted, or the bucket cannot be used.
    """
    fs, path = storage.filesystem(uri)
    try:
        with storage.explain_storage(uri):
            return pq.ParquetFile(path, filesystem=fs)
    except FileNotFoundError as error:
        table = uri.rpartition("/")[0]
        raise FirelibError(
            "a file of the lake was deleted",
            where=uri,
            remedy=f"remove the whole table, {table}: firelib extract writes it again from its source",
        ) from error
