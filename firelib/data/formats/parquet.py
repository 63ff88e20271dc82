"""Parquet files (https://parquet.apache.org/docs/file-format/)."""

from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from firelib.data.formats.format import Format, Head
from firelib.errors import FirelibError
from firelib.recipe import Source


def read_parquet(path: Path, source: Source) -> pa.Table:
    """A Parquet file as a table.

    Args:
        path: The file.
        source: Names the file in errors.

    Raises:
        pyarrow.ArrowInvalid: The file is not Parquet.
        FirelibError: A column of the deprecated type INT96 has times that nanoseconds of 64 bits cannot hold.
    """
    table = pq.read_table(path, partitioning=None)  # a folder named `year=2013` is no column of the file
    _check_int96(path, table, source)
    return table


def read_parquet_head(file: IO[bytes], name: str, source: Source, rows: int) -> Head:  # noqa: ARG001  as all heads
    """The first rows of a Parquet file.

    Args:
        file: The file.
        name: Not used.
        source: Not used.
        rows: Number of rows.

    Raises:
        pyarrow.ArrowInvalid: The file is not Parquet.
    """
    parquet = pq.ParquetFile(file)
    batches: list[pa.RecordBatch] = []
    for batch in parquet.iter_batches(batch_size=rows):  # a batch may end with its row group
        batches.append(batch)
        if sum(each.num_rows for each in batches) >= rows:
            break
    table = pa.Table.from_batches(batches, parquet.schema_arrow).slice(0, rows)
    return Head(table, table.num_rows == parquet.metadata.num_rows)


def _check_int96(path: Path, table: pa.Table, source: Source) -> None:
    """Refuse times such as 9999-12-31 in columns that Arrow reads as nanoseconds, where they wrap around in silence."""
    schema = pq.read_metadata(path).schema
    names = [schema.column(index).path for index in range(len(schema)) if schema.column(index).physical_type == "INT96"]
    names = [name for name in names if name in table.column_names]
    if not names:
        return
    coarse = pq.read_table(path, columns=names, partitioning=None, coerce_int96_timestamp_unit="us")
    wrong = [name for name in names if not table[name].cast(coarse[name].type, safe=False).equals(coarse[name])]
    if wrong:
        raise FirelibError(
            f"INT96 times outside of the years 1678 to 2261 in {', '.join(map(repr, wrong))}",
            where=f"source {source} ({path})",
            remedy="write the column as TIMESTAMP_MICROS (Spark: spark.sql.parquet.outputTimestampType)",
        )


PARQUET = Format(name="parquet", read=read_parquet, read_head=read_parquet_head, names=r"\.parquet", magic=b"PAR1")
