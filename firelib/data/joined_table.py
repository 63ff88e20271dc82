"""The table that a recipe's `transform` makes of the lake's tables."""

from collections.abc import Mapping
from typing import Any

import dask

from firelib import storage
from firelib.data.split import check_key_type
from firelib.data.tables import read_table
from firelib.errors import FirelibError, did_you_mean
from firelib.recipe import RESERVED_COLUMNS, Recipe


def join_tables(recipe: Recipe, lake: str, versions: Mapping[str, int]) -> Any:
    """The Dask dataframe of a recipe's samples, not yet computed.

    Args:
        recipe: Joins the tables in its `transform`.
        lake: URI below which each table is a Delta table.
        versions: Table name → version to read.

    Raises:
        FirelibError: The recipe's `transform` fails, or its dataframe lacks declared columns.
    """
    tables = {name: read_table(storage.join(lake, name), version) for name, version in versions.items()}
    try:
        # By default, Dask shuffles through a local folder, which other nodes of a Ray cluster cannot read.
        with dask.config.set({"dataframe.shuffle.method": "tasks"}):
            frame = recipe.transform(tables).optimize()
    except Exception as error:
        raise _explain_recipe_error(error, recipe, tables) from error
    _check_columns(frame, recipe)
    return frame


def _check_columns(frame: Any, recipe: Recipe) -> None:
    needed = [*(feature.name for feature in recipe.features), recipe.label.name, *recipe.key]
    needed += [recipe.test_rows] if recipe.test_rows else []
    missing = sorted(set(needed) - set(frame.columns))
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
    for column in recipe.key:
        check_key_type(column, frame[column])


def _explain_recipe_error(error: Exception, recipe: Recipe, tables: Mapping[str, Any]) -> FirelibError:
    """An error of the recipe's `transform`. Dask wraps errors inside `map_partitions` into a ValueError."""
    where = f"recipe {recipe.name!r}: transform"
    cause = error.__cause__ if isinstance(error, ValueError) and error.__cause__ else error
    if isinstance(cause, FirelibError):
        return cause
    if not isinstance(cause, KeyError):
        return FirelibError(
            f"{type(cause).__name__}: {cause}",
            where=where,
            remedy="correct the recipe; --debug shows the whole traceback",
        )
    columns = sorted({column for table in tables.values() for column in table.columns})
    name = str(cause.args[0]) if cause.args else str(cause)
    return FirelibError(
        f"the recipe reads {name!r}, which its tables lack",
        where=where,
        remedy=f"{did_you_mean(name, columns)} (lake.json lists the columns)",
    )
