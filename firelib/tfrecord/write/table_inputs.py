"""Tables of any kind as Arrow tables, and how their partitions are worked on."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from firelib.errors import FirelibError

#: Calls a function with each of some argument lists.
Run = Callable[[Callable[..., Any], Sequence[tuple[Any, ...]]], list[Any]]


def partitions(data: Any) -> tuple[list[Any], Run]:
    """Parts that may be written in parallel, and what runs a function on all of them, in order."""
    if _is(data, "dask", "to_delayed"):
        return list(data.to_delayed()), _with_dask
    return [data], lambda function, jobs: [function(*job) for job in jobs]


def is_columns(data: Mapping[str, Any]) -> bool:
    """Whether a mapping holds columns, not splits."""
    return all(isinstance(value, np.ndarray | list | pa.Array | pa.ChunkedArray) for value in data.values())


def arrow_tables(data: Any) -> Iterator[pa.Table]:
    """Arrow tables of anything that holds rows.

    Raises:
        FirelibError: It is of a kind that firelib does not know.
    """
    if isinstance(data, pa.Table):
        yield data
    elif isinstance(data, pa.RecordBatch):
        yield pa.Table.from_batches([data])
    elif isinstance(data, Mapping) and is_columns(data):
        yield pa.table({name: _arrow(column) for name, column in data.items()})
    elif _is(data, "pandas", "columns"):
        yield pa.Table.from_pandas(data, preserve_index=False)
    elif _is(data, "ray.data", "iter_batches"):
        data.context.execution_options.preserve_order = True  # the same rows, the same bytes
        yield from data.iter_batches(batch_size=None, batch_format="pyarrow")
    elif isinstance(data, Iterable) and not isinstance(data, str | bytes | Mapping):
        for part in data:
            yield from arrow_tables(part)
    else:
        raise FirelibError(
            f"a {type(data).__name__} is no table",
            where="write_tfrecords",
            remedy="a Dask, pandas, Arrow or Ray table, Arrow batches, or a mapping of NumPy columns",
        )


def _with_dask(function: Callable[..., Any], jobs: Sequence[tuple[Any, ...]]) -> list[Any]:
    import dask

    task = dask.delayed(function, pure=False)
    return list(dask.compute(*[task(*job) for job in jobs]))


def _is(data: Any, module: str, attribute: str) -> bool:
    """Whether an object comes from a module, without importing it."""
    modules = {cls.__module__ for cls in type(data).__mro__}
    return hasattr(data, attribute) and any(name.startswith(module) for name in modules)


def _arrow(column: Any) -> pa.Array:
    if not isinstance(column, np.ndarray) or column.ndim == 1:
        if isinstance(column, np.ndarray) and column.dtype.kind == "S":
            return pa.array(column, pa.binary())
        return column if isinstance(column, pa.ChunkedArray | pa.Array) else pa.array(column)
    flat = pa.array(np.ascontiguousarray(column).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, int(np.prod(column.shape[1:])))
