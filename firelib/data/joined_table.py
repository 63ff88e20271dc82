"""The table that a recipe's `transform` makes of the lake's tables."""

from collections.abc import Mapping
from typing import Any

import dask
import pyarrow as pa

from firelib import storage
from firelib.config import Split
from firelib.data.split.assignment import explain_column_type
from firelib.data.split.position import check_key_type
from firelib.data.tables import read_table
from firelib.errors import FirelibError, did_you_mean
from firelib.recipe import RESERVED_COLUMNS, Recipe, split_columns


def join_tables(recipe: Recipe, lake: str, versions: Mapping[str, int], split: Split | None = None) -> Any:
    """The Dask dataframe of a recipe's samples, not yet computed.

    Args:
        recipe: Joins the tables in its `transform`.
        lake: URI below which each table is a Delta table.
        versions: Table name → version to read.
        split: Cut dates, whose type is compared with the recipe's column of times.

    Raises:
        FirelibError: The recipe's `transform` fails, or its dataframe lacks declared columns, or a column that decides
            the split has an unsuitable type.
    """
    tables = {name: read_table(storage.join(lake, name), version) for name, version in versions.items()}
    try:
        # By default, Dask shuffles through a local folder, which other nodes of a Ray cluster cannot read.
        with dask.config.set({"dataframe.shuffle.method": "tasks"}):
            frame = recipe.transform(tables).optimize()
    except Exception as error:
        raise _explain_recipe_error(error, recipe, tables) from error
    _check_columns(frame, recipe, split or Split())
    return frame


def _check_columns(frame: Any, recipe: Recipe, split: Split) -> None:
    needed = [*(feature.name for feature in recipe.features), recipe.label.name, *recipe.key, *split_columns(recipe)]
    missing = sorted(set(needed) - set(frame.columns))
    unsuitable = _explain_split_column(frame, recipe, split)
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
    for role, columns in (("key", recipe.key), ("group", recipe.split_by), ("stratum", recipe.stratify_by)):
        for column in columns:
            check_key_type(column, frame[column], role)


def _explain_split_column(frame: Any, recipe: Recipe, split: Split) -> str | None:
    """What is wrong with the type of the column that decides the split, as far as it is known before rows are read."""
    column = recipe.split_time or recipe.split_column
    if column is None or list(frame.columns).count(column) != 1:
        return None
    schema = pa.Schema.from_pandas(frame[[column]]._meta, preserve_index=False)
    return explain_column_type(recipe, split, schema.field(column).type)


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
