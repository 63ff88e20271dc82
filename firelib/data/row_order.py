"""Sort rows by columns of any name."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc


def sort_rows(rows: pa.Table, columns: Iterable[str]) -> pa.Table:
    """Rows in ascending order.

    Args:
        rows: The rows.
        columns: Columns to sort by; a repeated one counts once.
    """
    return rows.take(pa.array(sort_indices(rows, columns)))


def sort_indices(rows: pa.Table, columns: Iterable[str]) -> npt.NDArray[np.uint64]:
    """Indices of the rows in ascending order; `Table.sort_by` would take a name that begins with a dot for a path.

    Args:
        rows: The rows.
        columns: Columns to sort by; a repeated one counts once.
    """
    keys = [(pc.field(name), "ascending") for name in dict.fromkeys(columns)]
    indices: npt.NDArray[np.uint64] = pc.sort_indices(rows, sort_keys=keys).to_numpy()
    return indices
