"""Convert tables of any library to Arrow tables, and run a function on their partitions."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from firelib.errors import FirelibError

#: Calls a function once with each of several argument tuples, and returns the results in order.
TaskRunner = Callable[[Callable[..., Any], Sequence[tuple[Any, ...]]], list[Any]]


def split_partitions(data: Any) -> tuple[list[Any], TaskRunner]:
    """Split data into parts that may be written in parallel, and choose how to run a function on them."""
    if _is_instance(data, "dask", "to_delayed"):
        return list(data.to_delayed()), _run_with_dask
    return [data], lambda function, jobs: [function(*job) for job in jobs]


def is_columns(data: Mapping[str, Any]) -> bool:
    """Whether a mapping holds columns rather than splits."""
    return all(isinstance(value, np.ndarray | list | pa.Array | pa.ChunkedArray) for value in data.values())


def arrow_tables(data: Any) -> Iterator[pa.Table]:
    """Convert any supported input to Arrow tables.

    Args:
        data: A pandas, Arrow or Ray table, Arrow batches, a mapping of column → array, or an iterable of these.

    Yields:
        Tables with the rows in order.

    Raises:
        FirelibError: The type of the input is not supported.
    """
    if isinstance(data, pa.Table):
        yield data
    elif isinstance(data, pa.RecordBatch):
        yield pa.Table.from_batches([data])
    elif isinstance(data, Mapping) and is_columns(data):
        yield pa.table({name: _to_arrow(column) for name, column in data.items()})
    elif _is_instance(data, "pandas", "columns"):
        yield pa.Table.from_pandas(data, preserve_index=False)
    elif _is_instance(data, "ray.data", "iter_batches"):
        data.context.execution_options.preserve_order = True  # otherwise the bytes depend on which task ends first
        yield from data.iter_batches(batch_size=None, batch_format="pyarrow")
    elif isinstance(data, Iterable) and not isinstance(data, str | bytes | Mapping):
        for part in data:
            yield from arrow_tables(part)
    else:
        raise FirelibError(
            f"unsupported input type {type(data).__name__}: expected a table",
            where="write_tfrecords",
            remedy="pass a Dask, pandas, Arrow or Ray table, Arrow batches, or a mapping of NumPy columns",
        )


def _run_with_dask(function: Callable[..., Any], jobs: Sequence[tuple[Any, ...]]) -> list[Any]:
    import dask

    task = dask.delayed(function, pure=False)
    return list(dask.compute(*[task(*job) for job in jobs]))


def _is_instance(data: Any, module: str, attribute: str) -> bool:
    """Whether an object's class comes from a module, without importing the module."""
    modules = {cls.__module__ for cls in type(data).__mro__}
    return hasattr(data, attribute) and any(name.startswith(module) for name in modules)


def _to_arrow(column: Any) -> pa.Array:
    if not isinstance(column, np.ndarray) or column.ndim == 1:
        if isinstance(column, np.ndarray) and column.dtype.kind == "S":
            return pa.array(column, pa.binary())
        return column if isinstance(column, pa.ChunkedArray | pa.Array) else pa.array(column)
    flat = pa.array(np.ascontiguousarray(column).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, int(np.prod(column.shape[1:])))
