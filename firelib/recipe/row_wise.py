"""Row-wise functions of a recipe: pandas in, pandas out, on tables of any size."""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

from firelib.errors import FirelibError

if TYPE_CHECKING:
    import pandas as pd

_EXAMPLE_ROWS = 100
_MOST_TASKS = 100  # of the graph that gives the first partition: few reads, no shuffle of whole tables

#: Whether `first_rows` computes in this context, which gives names and types of columns, but no values.
reads_example: ContextVar[bool] = ContextVar("reads_example", default=False)


def rows(function: "Callable[..., pd.DataFrame]") -> "Callable[..., Any]":
    """Mark a row-wise function, from a pandas dataframe to a pandas dataframe.

    The function gets the rows of one partition after another, so a row of its result must depend on nothing but rows
    that are always in the same partition: usually on itself alone. Dask learns the columns of the result from the first
    real rows, where `map_partitions` would try the function on invented ones.

    Args:
        function: A function (rows) or a method (self, rows). As `transform`, it suits a recipe with one source.

    Returns:
        The function, which also takes a Dask dataframe (and returns one), or the tables of a recipe with one source.

    Raises:
        FirelibError: The function returns no dataframe, or is `transform` in a recipe with several sources.

    Example:
        >>> import pandas as pd
        >>> from firelib import rows
        >>> @rows
        ... def add_area(rows):
        ...     return rows.assign(area=rows["width"] * rows["height"])
        >>> add_area(pd.DataFrame({"width": [2, 3], "height": [4, 5]}))["area"].tolist()
        [8, 15]
    """

    @wraps(function)
    def apply(*arguments: Any) -> Any:
        *instance, table = arguments
        if isinstance(table, Mapping):
            table = _only_table(table, function.__name__)
        if hasattr(table, "to_delayed"):
            bound = partial(apply, *instance)
            return table.map_partitions(bound, meta=bound(first_rows(table)).iloc[:0])
        return _check_result(function(*instance, table), function.__name__)

    apply.takes_rows = True  # type: ignore[attr-defined]
    return apply


def takes_rows(function: Any) -> bool:
    """Whether a function is marked with `rows`."""
    return bool(getattr(function, "takes_rows", False))


def _only_table(tables: Mapping[str, Any], name: str) -> Any:
    if len(tables) == 1:
        return next(iter(tables.values()))
    raise FirelibError(
        f"{name} is marked with @rows, but the recipe has {len(tables)} sources: {', '.join(tables)}",
        where=name,
        remedy="write transform(tables) without @rows, join the tables in it, and mark a function that it calls",
    )


def first_rows(table: Any) -> "pd.DataFrame":
    """The first rows of a Dask dataframe; none where they cost more than reading a few files."""
    first = table.partitions[0].optimize()
    if len(first.dask) > _MOST_TASKS:
        empty: pd.DataFrame = table._meta
        return empty
    token = reads_example.set(True)
    try:
        example: pd.DataFrame = first.compute(scheduler="synchronous").head(_EXAMPLE_ROWS)
    finally:
        reads_example.reset(token)
    return example


def _check_result(result: Any, name: str) -> "pd.DataFrame":
    if hasattr(result, "columns") and hasattr(result, "iloc"):
        frame: pd.DataFrame = result
        return frame
    raise FirelibError(
        f"expected a pandas dataframe from {name}, got {type(result).__name__}",
        where=name,
        remedy="return the rows with all columns: return rows.assign(column=…)",
    )
