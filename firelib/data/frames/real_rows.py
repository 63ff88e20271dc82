"""Call a recipe's `transform` with rows of pandas, to find what is wrong with a function that Dask calls.

Dask first calls such a function with rows that it invents. Where it fails with them, the error does not tell whether
the function or the invented rows are wrong.
"""

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pandas as pd

from firelib.errors import FirelibError
from firelib.recipe import Recipe
from firelib.recipe.row_wise import first_rows

_DASK_OPTIONS = {"meta", "enforce_metadata", "transform_divisions", "align_dataframes", "clear_divisions"}


class FunctionError(Exception):
    """A function fails with real rows; `__cause__` is its error.

    Attributes:
        name: Name of the function.
        columns: Names of the columns that it got.
    """

    def __init__(self, name: str, columns: list[str]) -> None:
        super().__init__(name, columns)
        self.name, self.columns = name, columns


def find_function_error(recipe: Recipe, tables: Mapping[str, Any]) -> FunctionError | FirelibError | None:
    """What is wrong with a function that `transform` has Dask call; None if it works with real rows.

    Args:
        recipe: The recipe.
        tables: Table name → dataframe of pandas or Dask, of which the first rows are read.
    """
    try:
        recipe.transform({name: _RealRows(_to_pandas(table)) for name, table in tables.items()})
    except _NoRowsError as error:
        return error
    except FunctionError as error:
        is_whole = all(isinstance(table, pd.DataFrame) for table in tables.values())
        return error if is_whole or _is_independent_of_values(error.__cause__) else None
    except Exception:  # noqa: BLE001  the recipe may need what only Dask's dataframes have
        return None
    return None


def _is_independent_of_values(error: BaseException | None) -> bool:
    """Whether the error comes with other rows, too: first rows of several tables may lack partners in joins."""
    is_name = isinstance(error, KeyError) and bool(error.args) and isinstance(error.args[0], str)
    return is_name or isinstance(error, NameError | AttributeError | ImportError)


class _NoRowsError(FirelibError):
    """A function returns nothing."""


class _RealSeries(pd.Series):
    """A column of pandas with Dask's arguments."""

    @property
    def _constructor(self) -> Any:
        return _RealSeries

    @property
    def _constructor_expanddim(self) -> Any:
        return _RealRows

    def apply(self, function: Any, *arguments: Any, **options: Any) -> Any:  # type: ignore[override]  # as Dask's
        return _call(partial(pd.Series.apply, self), function, [str(self.name)], arguments, options)

    def map(self, function: Any, *arguments: Any, **options: Any) -> Any:  # type: ignore[override]  # as Dask's
        return _call(partial(pd.Series.map, self), function, [str(self.name)], arguments, options)


class _RealRows(pd.DataFrame):
    """A dataframe of pandas with the methods of Dask's through which recipes call functions."""

    @property
    def _constructor(self) -> Any:
        return _RealRows

    @property
    def _constructor_sliced(self) -> Any:
        return _RealSeries

    def map_partitions(self, function: Any, *arguments: Any, **options: Any) -> Any:
        def call(function: Any, *arguments: Any, **options: Any) -> Any:
            return function(pd.DataFrame(self), *arguments, **options)

        result = _call(call, function, list(map(str, self.columns)), arguments, options)
        if result is None:
            raise _explain_nothing(function)
        return _RealRows(result) if isinstance(result, pd.DataFrame) else result

    def apply(self, function: Any, *arguments: Any, **options: Any) -> Any:  # type: ignore[override]  # as Dask's
        columns = list(map(str, self.columns))
        return _call(partial(pd.DataFrame.apply, self), function, columns, arguments, options)


def _call(
    call: Callable[..., Any], function: Any, columns: list[str], arguments: tuple[Any, ...], options: dict[str, Any]
) -> Any:
    options = {name: value for name, value in options.items() if name not in _DASK_OPTIONS}
    try:
        return call(function, *arguments, **options)
    except Exception as error:
        raise FunctionError(getattr(function, "__name__", "a function"), columns) from error


def _explain_nothing(function: Any) -> FirelibError:
    name = getattr(function, "__name__", "a function")
    code = getattr(inspect.unwrap(function), "__code__", None)
    where = f"{name} ({code.co_filename}, line {code.co_firstlineno})" if code else name
    return _NoRowsError(
        f"{name} returned None: its return statement is missing", where=where, remedy="end it with: return rows"
    )


def _to_pandas(table: Any) -> pd.DataFrame:
    return table if isinstance(table, pd.DataFrame) else first_rows(table)
