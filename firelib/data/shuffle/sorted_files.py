"""Files of rows sorted by position, of which a range of positions can be read."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from firelib.data.shuffle.block_files import BlockFile, Blocks, read_blocks, write_blocks
from firelib.data.split.position import HASH, Hashes, HashRange

_BLOCK_ROWS = 512  # a reader decodes up to one block more than it needs at each end of its range


@dataclass(frozen=True)
class SortedFile:
    """A written file.

    Attributes:
        blocks: The file; it has a column `HASH`.
        first: uint64 [blocks]: position of the first row of each block.
        last: Position of the last row.
    """

    blocks: BlockFile
    first: Hashes
    last: int

    def select(self, positions: HashRange) -> Blocks | None:
        """The blocks that may have rows in a range of positions; None if there are none.

        Args:
            positions: The range.
        """
        if not len(self.first) or self.last < positions.low or int(self.first[0]) >= positions.high:
            return None
        # Rows with the position `low` may begin in the block before the first one that begins with it.
        first = max(int(np.searchsorted(self.first, np.uint64(positions.low), side="left")) - 1, 0)
        stop = int(np.searchsorted(self.first, np.uint64(positions.high - 1), side="right"))
        return self.blocks.select(first, stop)


def write_sorted(rows: pa.Table, positions: Hashes, uri: str) -> SortedFile:
    """Sort rows by position and write them.

    Args:
        rows: The rows.
        positions: The position of each row.
        uri: The file; an existing one is replaced.

    Raises:
        FirelibError: The disk is full.
    """
    order = np.argsort(positions, kind="stable")
    ascending = positions[order]
    table = rows.take(pa.array(order)).append_column(HASH, pa.array(ascending))
    edges = [*range(0, len(order), _BLOCK_ROWS), len(order)]
    last = int(ascending[-1]) if len(order) else 0
    return SortedFile(write_blocks(table, edges, uri), ascending[::_BLOCK_ROWS], last)


def read_sorted(parts: Sequence[Blocks]) -> pa.Table:
    """Rows of several files in ascending order of their positions. At both ends, rows outside the range may remain.

    Columns are sorted one by one, and each is released before the next, so that memory holds the rows about once.

    Args:
        parts: What `SortedFile.select` returned, of at least one file.
    """
    rows = pa.concat_tables(read_blocks(parts), promote_options="permissive")
    order = pa.array(np.argsort(rows[HASH].to_numpy(), kind="stable"))
    schema, columns = rows.schema, []
    while rows.num_columns:
        columns.append(rows[0].take(order).combine_chunks())
        rows = rows.remove_column(0)
    return pa.table(columns, schema=schema)
