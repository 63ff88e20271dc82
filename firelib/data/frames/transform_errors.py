"""Explain what is wrong with a recipe's `transform`, or with the table that it returns."""

from collections.abc import Mapping
from typing import Any

from firelib.errors import FirelibError, did_you_mean
from firelib.recipe import RESERVED_COLUMNS, Recipe, recipe_file
from firelib.recipe.locations import error_line

_INFERENCE = "Metadata inference failed"  # how Dask's error begins


def check_columns(frame: Any, recipe: Recipe) -> None:
    """Check the names of the columns that `transform` returns.

    Args:
        frame: A dataframe of Dask or pandas.
        recipe: Declares features, label and key.

    Raises:
        FirelibError: Declared columns are missing, or names are reserved or repeated.
    """
    missing = find_missing_columns(frame, recipe)
    if missing:
        raise FirelibError(
            f"the table that transform returns lacks {', '.join(map(repr, missing))}",
            where=f"recipe {recipe.name!r}: transform",
            remedy=did_you_mean(missing[0], frame.columns),
        )
    names = list(map(str, frame.columns))
    unusable = sorted(RESERVED_COLUMNS & set(names) | {name for name in names if names.count(name) > 1})
    if unusable:
        raise FirelibError(
            f"the table that transform returns has columns with reserved or repeated names: {', '.join(unusable)}",
            where=f"recipe {recipe.name!r}: transform",
            remedy=f"rename or drop them; reserved are {', '.join(sorted(RESERVED_COLUMNS))}",
        )


def find_missing_columns(frame: Any, recipe: Recipe) -> list[str]:
    """Names of declared columns that a table lacks.

    Args:
        frame: A dataframe of Dask or pandas.
        recipe: Declares features, label and key.
    """
    needed = [*(feature.name for feature in recipe.features), recipe.label.name, *recipe.key]
    needed += [recipe.test_rows] if recipe.test_rows else []
    return sorted(set(needed) - set(frame.columns))


def explain_recipe_error(error: Exception, recipe: Recipe, tables: Mapping[str, Any]) -> FirelibError:
    """An error of the recipe's `transform`, with the line of the recipe.

    Args:
        error: What `transform` raised. Dask wraps errors inside `map_partitions` into a ValueError.
        recipe: The recipe.
        tables: The tables that `transform` got.
    """
    is_guess = isinstance(error, ValueError) and str(error).startswith(_INFERENCE)
    cause = error.__cause__ if isinstance(error, ValueError) and error.__cause__ else error
    if isinstance(cause, FirelibError):
        return cause
    where = _locate(error, recipe)
    if is_guess:
        return FirelibError(
            f"Dask calls a function of map_partitions or apply with two rows that it invents, to learn the columns of "
            f"the result, and it failed with them: {type(cause).__name__}: {cause}",
            where=where,
            remedy="mark the function with @rows and call it: function(table), or pass meta=… to map_partitions",
        )
    if not isinstance(cause, KeyError):
        what, remedy = f"{type(cause).__name__}: {cause}", "correct the recipe; --debug shows the whole traceback"
        return FirelibError(what, where=where, remedy=remedy)
    columns = sorted({column for table in tables.values() for column in table.columns})
    name = str(cause.args[0]) if cause.args else str(cause)
    return FirelibError(
        f"the recipe reads {name!r}, which its tables lack",
        where=where,
        remedy=f"{did_you_mean(name, columns)} (firelib data show lists the columns)",
    )


def _locate(error: Exception, recipe: Recipe) -> str:
    where, file = f"recipe {recipe.name!r}: transform", recipe_file(recipe)
    line = locate(error, file)
    return f"{where} ({file}, line {line})" if line else where


def locate(error: BaseException, file: str | None) -> int | None:
    """The line of a recipe in which an error arose.

    Args:
        error: The error.
        file: The recipe's file, or None.
    """
    return error_line(error, file) if file else None
