"""Rows of a source as a stream of batches of bounded size, which can be read several times."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pyarrow as pa

from firelib.data.streams.read_ahead import Report, Unit, read_in_order

#: Size of a batch, in bytes of Arrow rows, unless a single row is larger.
BATCH_BYTES = 8 * 2**20


@dataclass(frozen=True)
class RowStream:
    """The rows of a source.

    Attributes:
        schema: Their schema.
        open_units: Starts a pass over the source: units of work, in the order of the rows.
        source_bytes: Size of the source, in bytes; 0 if it is not known.
    """

    schema: pa.Schema
    open_units: Callable[[], Iterator[Unit[pa.Table]]]
    source_bytes: int = 0

    @classmethod
    def of_table(cls, table: pa.Table) -> "RowStream":
        """The rows of a table in memory."""
        unit = Unit(lambda: iter([table]), nbytes=0, source_bytes=table.nbytes)
        return cls(table.schema, lambda: iter([unit]), table.nbytes)

    def to_batches(self, report: Report | None = None) -> Iterator[pa.RecordBatch]:
        """Read the rows once. Units are read in parallel, the order of the rows stays.

        Args:
            report: Gets the bytes of the source that were read since the last call.
        """
        for table in read_in_order(self.open_units(), report):
            yield from divide(table)

    def map(self, schema: pa.Schema, convert: Callable[[pa.Table], pa.Table]) -> "RowStream":
        """The rows that a function makes of each batch.

        Args:
            schema: Schema of the result.
            convert: The function; it keeps the number and the order of rows.
        """
        return replace(self, schema=schema, open_units=lambda: (unit.map(convert) for unit in self.open_units()))

    def read_all(self) -> pa.Table:
        """All rows in memory."""
        return pa.Table.from_batches(self.to_batches(), self.schema)


def divide(table: pa.Table, most: int = BATCH_BYTES) -> Iterator[pa.RecordBatch]:
    """The batches of a table, of about a number of bytes each, by the mean size of its rows."""
    rows = max(most * table.num_rows // max(table.nbytes, 1), 1)
    yield from (batch for batch in table.to_batches(max_chunksize=rows) if batch.num_rows)
