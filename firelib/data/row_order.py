"""Sort rows by columns of any name."""

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc


def sort_rows(rows: pa.Table, columns: Iterable[str]) -> pa.Table:
    """Rows in ascending order; `Table.sort_by` would take a name that begins with a dot for a path.

    Args:
        rows: The rows.
        columns: Columns to sort by; a repeated one counts once.
    """
    keys = [(pc.field(name), "ascending") for name in dict.fromkeys(columns)]
    return rows.take(pc.sort_indices(rows, sort_keys=keys))
