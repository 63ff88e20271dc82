"""A sample of the rows that a recipe makes of a version, the same for any partitions and workers."""

from collections.abc import Mapping

import dask
import numpy as np
import pandas as pd
import pyarrow as pa

from firelib.data.dask_on_ray import compute
from firelib.data.frames.transform_errors import check_columns, explain_recipe_error
from firelib.data.joined_table import call_transform
from firelib.data.row_validation import validate_rows
from firelib.data.split.position import HASH_SPACE, key_hashes
from firelib.data.tables import read_table
from firelib.data.versions.feature_values import to_values
from firelib.data.versions.pinned_table import PinnedTable
from firelib.recipe import Recipe
from firelib.tfrecord.format.arrow_columns import cast_column

_SAMPLE = 100_000  # rows


def sample_limit(rows: int) -> int:
    """The hash below which keys of the sample are, so that about 100,000 rows are in it.

    Versions with the same limit have the same sample of the rows that they share.

    Args:
        rows: Number of rows of the larger version.
    """
    return HASH_SPACE if rows <= _SAMPLE else HASH_SPACE * _SAMPLE // rows


def sample_features(
    recipe: Recipe, tables: Mapping[str, PinnedTable], limit: int, label: str, scratch: str
) -> pa.Table:
    """Features and label of valid rows with a small hash, one value for each (`to_values`). Ray must be connected.

    Args:
        recipe: Makes the rows.
        tables: Table name → the table at a version.
        limit: The hash below which keys are.
        label: What progress and errors call the work.
        scratch: URI of a folder for shuffles, which all workers can read.

    Raises:
        FirelibError: The recipe's `transform` or its rows are invalid.
    """
    frames = {name: read_table(table.uri, table.version) for name, table in tables.items()}
    try:
        frame = call_transform(recipe, frames, scratch)
    except Exception as error:
        raise explain_recipe_error(error, recipe, frames) from error
    check_columns(frame, recipe)
    sample = dask.delayed(sample_partition, pure=False)
    return pa.concat_tables(compute([sample(rows, recipe, limit) for rows in frame.to_delayed()], label))


def sample_partition(rows: pd.DataFrame, recipe: Recipe, limit: int) -> pa.Table:
    """One value for each feature and the label of the valid rows of a partition whose keys have a small hash.

    Args:
        rows: Rows that the recipe's `transform` returns.
        recipe: Declares features, label and key.
        limit: The hash below which keys are.
    """
    valid = validate_rows(rows, recipe).valid
    hashes = key_hashes(valid.select(list(dict.fromkeys(recipe.key))).to_pandas(), recipe.key)
    chosen = valid.filter(pa.array(hashes < np.uint64(limit))) if limit < HASH_SPACE else valid
    return reduce_features(chosen, recipe)


def reduce_features(rows: pa.Table, recipe: Recipe) -> pa.Table:
    """One value for each feature and the label of each row (`to_values`).

    Args:
        rows: Valid rows.
        recipe: Declares features and label.
    """
    features = (*recipe.features, recipe.label)
    return pa.table({feature.name: to_values(cast_column(rows, feature), feature) for feature in features})
