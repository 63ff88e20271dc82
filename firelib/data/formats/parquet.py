"""Parquet files (https://parquet.apache.org/docs/file-format/)."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from firelib.data.formats.format import Format
from firelib.recipe import Source


def read_parquet(path: Path, source: Source) -> pa.Table:  # noqa: ARG001  every reader takes both
    """A Parquet file as a table.

    Args:
        path: The file.
        source: Not used: Parquet files describe themselves.

    Raises:
        pyarrow.ArrowInvalid: The file is not Parquet.
    """
    return pq.read_table(path)


PARQUET = Format(name="parquet", read=read_parquet, names=r"\.parquet", magic=b"PAR1")
