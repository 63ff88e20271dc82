"""Parquet files as streams of row groups."""

from collections.abc import Collection, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from firelib.data.streams.file_stream import FileStream
from firelib.data.streams.read_ahead import Unit
from firelib.data.streams.row_stream import BATCH_BYTES, RowStream
from firelib.recipe import Source

_LARGE_BYTES = 96 * 2**20  # a row group with more is read in batches
_BUFFER_BYTES = 1 << 20
_TEXT_BYTES = 32  # a guess, also for lists and structs


def open_parquet(path: Path, source: Source, columns: Collection[str]) -> FileStream | None:  # noqa: ARG001  as all
    """A Parquet file as a stream. Its row groups are read in parallel, large ones in batches.

    Args:
        path: The file.
        source: Not used.
        columns: Not used: the file tells its types.

    Returns:
        None for a file with times of the deprecated type INT96, which are checked as a whole.

    Raises:
        pyarrow.ArrowInvalid: The file is not Parquet.
    """
    with pq.ParquetFile(path) as file:
        metadata, schema = file.metadata, file.schema_arrow
    if any(metadata.schema.column(index).physical_type == "INT96" for index in range(metadata.num_columns)):
        return None
    units = partial(_plan, path, metadata, schema)
    return FileStream(RowStream(schema, units, sum(_stored_bytes(metadata, i) for i in range(metadata.num_row_groups))))


def _plan(path: Path, metadata: pq.FileMetaData, schema: pa.Schema) -> Iterator[Unit[pa.Table]]:
    """Units of about one batch: a row group, or several small ones."""
    groups: list[int] = []
    nbytes = 0
    for index in range(metadata.num_row_groups):
        size = _memory_bytes(metadata, index, schema)
        if groups and nbytes + size > BATCH_BYTES:
            yield _unit(path, metadata, groups, nbytes)
            groups, nbytes = [], 0
        groups.append(index)
        nbytes += size
    if groups:
        yield _unit(path, metadata, groups, nbytes)


def _unit(path: Path, metadata: pq.FileMetaData, groups: Sequence[int], nbytes: int) -> Unit[pa.Table]:
    stored = sum(_stored_bytes(metadata, index) for index in groups)
    if nbytes > _LARGE_BYTES:
        rows = max(metadata.row_group(groups[0]).num_rows * BATCH_BYTES // nbytes, 1)
        return Unit(partial(_read_in_batches, path, metadata, groups[0], rows), nbytes, stored)
    return Unit(partial(_read_groups, path, metadata, tuple(groups)), nbytes, stored)


def _read_groups(path: Path, metadata: pq.FileMetaData, groups: Sequence[int]) -> Iterator[pa.Table]:
    with pq.ParquetFile(path, metadata=metadata) as file:
        for index in groups:
            yield file.read_row_group(index, use_threads=False)


def _read_in_batches(path: Path, metadata: pq.FileMetaData, group: int, rows: int) -> Iterator[pa.Table]:
    """A row group in batches, page by page. Arrow's threads decode its columns, since it is read alone."""
    with pq.ParquetFile(path, metadata=metadata, buffer_size=_BUFFER_BYTES, pre_buffer=False) as file:
        for batch in file.iter_batches(rows, row_groups=[group]):
            yield pa.Table.from_batches([_clear_nulls(batch)])


def _clear_nulls(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The rows with zeros in nulls, so that they have one hash: what the reader leaves there depends on the batches.

    `take` writes the zeros. Columns without nulls, also inside of their values, are not copied.
    """
    order = pa.array(np.arange(batch.num_rows))
    columns = [column if not column.null_count and _is_flat(column.type) else column.take(order) for column in batch]
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def _stored_bytes(metadata: pq.FileMetaData, group: int) -> int:
    row_group = metadata.row_group(group)
    return sum(row_group.column(index).total_compressed_size for index in range(row_group.num_columns))


def _memory_bytes(metadata: pq.FileMetaData, group: int, schema: pa.Schema) -> int:
    """Estimated size of a row group in memory. Dictionaries of short texts hide many bytes."""
    row_group = metadata.row_group(group)
    width = sum(max(kind.bit_width // 8, 1) if _is_fixed(kind) else _TEXT_BYTES for kind in schema.types)
    return max(int(row_group.total_byte_size), int(row_group.num_rows) * width)


def _is_flat(kind: pa.DataType) -> bool:
    texts = (pa.types.is_string, pa.types.is_binary, pa.types.is_large_string, pa.types.is_large_binary)
    return _is_fixed(kind) or any(is_kind(kind) for is_kind in texts)


def _is_fixed(kind: pa.DataType) -> bool:
    return bool(pa.types.is_primitive(kind) or pa.types.is_decimal(kind))
