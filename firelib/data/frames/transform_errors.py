"""Explain what is wrong with a recipe's `transform`, or with the table that it returns."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from firelib.config import Split
from firelib.data.frames.real_rows import FunctionError, find_function_error
from firelib.data.split.assignment import explain_column_type
from firelib.errors import FirelibError, did_you_mean
from firelib.recipe import RESERVED_COLUMNS, Recipe, recipe_file, split_columns
from firelib.recipe.loading import suggest_move
from firelib.recipe.locations import error_line

_INFERENCE = "Metadata inference failed"  # how Dask's error begins


def check_columns(frame: Any, recipe: Recipe, split: Split | None = None) -> None:
    """Check the names of the columns that `transform` returns, and the type of the one that decides the split.

    Args:
        frame: A dataframe of Dask or pandas.
        recipe: Declares features, label and key.
        split: Cut dates, whose type is compared with the recipe's column of times.

    Raises:
        FirelibError: Declared columns are missing, names are reserved or repeated, or the column that decides the
            split has an unsuitable type.
    """
    missing = find_missing_columns(frame, recipe)
    unsuitable = _explain_split_column(frame, recipe, split or Split())
    lacking = f"the table that transform returns lacks {', '.join(map(repr, missing))}" if missing else None
    if missing or unsuitable:
        raise FirelibError(
            "\n".join(filter(None, [lacking, unsuitable])),
            where=f"recipe {recipe.name!r}: transform",
            remedy=did_you_mean(missing[0], frame.columns)
            if missing
            else "convert the column in transform, or declare its type (Source.types)",
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
    needed = [*(feature.name for feature in recipe.features), recipe.label.name, *recipe.key, *split_columns(recipe)]
    return sorted(set(needed) - set(frame.columns))


def _explain_split_column(frame: Any, recipe: Recipe, split: Split) -> str | None:
    """What is wrong with the type of the column that decides the split, as far as it is known before rows are read."""
    column = recipe.split_time or recipe.split_column
    if column is None or list(frame.columns).count(column) != 1:
        return None
    part = frame[[column]]
    schema = pa.Schema.from_pandas(getattr(part, "_meta", part).iloc[:0], preserve_index=False)
    return explain_column_type(recipe, split, schema.field(column).type)


def explain_recipe_error(error: Exception, recipe: Recipe, tables: Mapping[str, Any]) -> FirelibError:
    """An error of the recipe's `transform`, with the line of the recipe.

    Args:
        error: What `transform` raised. Dask wraps errors inside `map_partitions` into a ValueError.
        recipe: The recipe.
        tables: The tables that `transform` got.
    """
    is_guess = isinstance(error, ValueError) and str(error).startswith(_INFERENCE)
    cause = error.__cause__ if isinstance(error, ValueError) and error.__cause__ else error
    real = find_function_error(recipe, tables) if is_guess or isinstance(error, FirelibError) else None
    if isinstance(real, FirelibError):
        return real
    if isinstance(real, FunctionError):
        return _explain_function(real, recipe)
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
        return FirelibError(f"{type(cause).__name__}: {cause}", where=where, remedy=_suggest(cause, recipe))
    known = {*tables, *(column for table in tables.values() for column in table.columns)}
    name = str(cause.args[0]) if cause.args else str(cause)
    return FirelibError(
        f"the recipe reads {name!r}, which its tables lack",
        where=where,
        remedy=f"{did_you_mean(name, known)} (firelib data show lists tables and columns)",
    )


def _explain_function(error: FunctionError, recipe: Recipe) -> FirelibError:
    """An error of a function that Dask calls."""
    cause = error.__cause__
    assert isinstance(cause, Exception)
    cause.__context__ = None  # Dask's error, which is being explained, and which has the line of the call
    where = _locate(cause, recipe)
    if isinstance(cause, FirelibError):
        return cause
    if not isinstance(cause, KeyError) or not cause.args:
        what = f"{error.name}: {type(cause).__name__}: {cause}"
        return FirelibError(what, where=where, remedy=_suggest(cause, recipe))
    name = str(cause.args[0])
    what = f"{error.name} reads {name!r}, which its rows lack"
    return FirelibError(what, where=where, remedy=did_you_mean(name, error.columns))


def _suggest(cause: BaseException, recipe: Recipe) -> str:
    """What to do about an error of the recipe's code."""
    if isinstance(cause, ModuleNotFoundError):
        file = recipe_file(recipe)
        move = suggest_move(str(cause.name), Path(file)) if file else None
        return move or "add the package to pyproject.toml, then make setup; for containers, make images and --image"
    if "does not support item assignment" in str(cause) or "has no setter" in str(cause):
        return "Dask's dataframes cannot be changed in place: use assign, mask or where, or a function with @rows"
    return "correct the recipe; --debug shows the whole traceback"


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
