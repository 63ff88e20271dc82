"""The table that a recipe's `transform` makes of the lake's tables."""

from collections.abc import Mapping
from typing import Any

import dask

from firelib.config import PARTITION_BYTES, Split
from firelib.data.frames.conversion import to_dask
from firelib.data.frames.transform_errors import check_columns, explain_recipe_error
from firelib.data.shuffle.exchange import exchange_through_files
from firelib.data.shuffle.skew import PartitionLimit
from firelib.data.split.position import check_key_type
from firelib.data.tables import TablePlan, plan_tables
from firelib.recipe import Recipe


def join_tables(
    recipe: Recipe,
    lake: str,
    versions: Mapping[str, int],
    split: Split | None = None,
    partition_bytes: int = PARTITION_BYTES,
    scratch: str | None = None,
) -> Any:
    """The Dask dataframe of a recipe's samples, not yet computed.

    Args:
        recipe: Joins the tables in its `transform`.
        lake: URI below which each table is a Delta table.
        versions: Table name → version to read.
        split: Cut dates, whose type is compared with the recipe's column of times.
        partition_bytes: Target size of a partition of a table in memory, in bytes.
        scratch: URI of a folder for shuffles, which all workers can read; None uses Dask's own shuffle.

    Raises:
        FirelibError: The recipe's `transform` fails, or its dataframe lacks declared columns, or a column that decides
            the split has an unsuitable type.
    """
    return join_planned(recipe, plan_tables(lake, versions, partition_bytes), split, scratch)


def join_planned(
    recipe: Recipe,
    planned: Mapping[str, TablePlan],
    split: Split | None = None,
    scratch: str | None = None,
    limit: PartitionLimit | None = None,
) -> Any:
    """The Dask dataframe of a recipe's samples, from tables that are divided into partitions.

    Args:
        recipe: Joins the tables in its `transform`.
        planned: Table name → its partitions.
        split: Cut dates, whose type is compared with the recipe's column of times.
        scratch: URI of a folder for shuffles, which all workers can read; None uses Dask's own shuffle.
        limit: What a partition may have after a shuffle; None is no limit.

    Raises:
        FirelibError: As `join_tables`.
    """
    tables = {name: table.to_dask() for name, table in planned.items()}
    try:
        frame = call_transform(recipe, tables, scratch, limit)
    except Exception as error:
        raise explain_recipe_error(error, recipe, tables) from error
    check_columns(frame, recipe, split)
    for role, columns in (("key", recipe.key), ("group", recipe.split_by), ("stratum", recipe.stratify_by)):
        for column in columns:
            check_key_type(column, frame[column], role)
    return frame


def describe_table(recipe: Recipe, tables: Mapping[str, Any]) -> Any:
    """The Dask dataframe that a recipe's `transform` returns, as it describes it: not optimized, joins still joins.

    Args:
        recipe: Joins the tables in its `transform`.
        tables: Table name → Dask dataframe.

    Raises:
        FirelibError: `transform` fails, or returns no table.
    """
    try:
        return to_dask(recipe.transform(tables), f"recipe {recipe.name!r}: transform")
    except Exception as error:
        raise explain_recipe_error(error, recipe, tables) from error


def call_transform(
    recipe: Recipe, tables: Mapping[str, Any], scratch: str | None = None, limit: PartitionLimit | None = None
) -> Any:
    """The Dask dataframe of a recipe's samples, whatever kind of table its `transform` returns.

    Args:
        recipe: Joins the tables in its `transform`.
        tables: Table name → Dask dataframe.
        scratch: URI of a folder for shuffles, which all workers can read; None uses Dask's own shuffle.
        limit: What a partition may have after a shuffle; None is no limit.

    Raises:
        FirelibError: `transform` returns no table.
        Exception: Its own code fails (`explain_recipe_error`).
    """
    # By default, Dask shuffles through a local folder, which other nodes of a Ray cluster cannot read.
    with dask.config.set({"dataframe.shuffle.method": "tasks"}):
        frame = to_dask(recipe.transform(tables), f"recipe {recipe.name!r}: transform")
        return exchange_through_files(frame, scratch, limit) if scratch else frame.optimize()
