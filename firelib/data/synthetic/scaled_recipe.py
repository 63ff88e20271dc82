"""A recipe whose dataset has several copies of each row (`data.scale`)."""

import copy
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd

from firelib import config
from firelib.data.split.position import compute_hashes, find_ranges, split_ranges
from firelib.data.synthetic.copies import copy_table, find_originals
from firelib.errors import FirelibError
from firelib.recipe import SPLITS, Recipe, SplitRule, find_split_rule, split_columns

#: Column with the split of each copy, which is that of its original, where the hash of the key decides it.
SPLIT = "firelib_split"


def scale_up(recipe: Recipe, copies: int, split: config.Split) -> Recipe:
    """A recipe for the same model and a dataset of several copies of each row.

    Copies differ in one column of the key. All tables that have this column are copied, so that copies find their
    partners in joins; the other tables stay as they are. All copies of a row are in the split of the row.

    Args:
        recipe: Makes the rows.
        copies: How many times each row is in the dataset; with 1, the result is the recipe itself.
        split: Shares of the splits, if the recipe needs them.

    Raises:
        FirelibError: Strata decide the split: their shares depend on all rows, so they would part copies.
    """
    if copies == 1:
        return recipe
    rule, kind = find_split_rule(recipe), type(recipe)
    if rule is SplitRule.STRATUM:
        raise FirelibError(
            f"rows cannot be copied, because the recipe has strata ({', '.join(recipe.stratify_by)}), which would "
            "divide the copies of a row between splits",
            where="params.yaml: data.scale",
            remedy="set data.scale to 1, or remove Recipe.stratify_by",
        )
    # With the recipe's module, errors name its lines, and Ray's workers get the code of a recipe file.
    members: dict[str, Any] = {"__module__": kind.__module__}
    if rule in (SplitRule.KEY, SplitRule.TEST_ROWS):
        members |= {"split_column": SPLIT, "test_rows": None}
    scaled = copy.copy(recipe)
    scaled.__class__ = type(f"Scaled{kind.__name__}", (_Scaled, kind), members)
    assert isinstance(scaled, _Scaled)
    scaled.original, scaled.copies, scaled.shares = recipe, copies, split
    return scaled


def describe_copies(copies: int) -> dict[str, int]:
    """What the manifest says about the copies of rows; nothing without any."""
    return {"copies": copies} if copies > 1 else {}


def find_copied_column(recipe: Recipe, tables: Mapping[str, Collection[str]]) -> str:
    """The column of the key that numbers the copies of a row.

    Args:
        recipe: Declares the key.
        tables: Table name → names of its columns.

    Returns:
        The last column of the key that a table has, that is no feature, and that does not decide the split. Keys
        usually go from coarse to fine: the last column has the least meaning of its own.

    Raises:
        FirelibError: There is none.
    """
    taken = {recipe.label.name, *(feature.name for feature in recipe.features), *split_columns(recipe)}
    known = {column for columns in tables.values() for column in columns}
    found = next((column for column in reversed(recipe.key) if column in known and column not in taken), None)
    if found is None:
        raise FirelibError(
            f"no column of the key ({', '.join(recipe.key)}) can number the copies of a row: each is a feature, "
            "decides the split, or is in no table of the lake",
            where=f"recipe {recipe.name!r}: key; params.yaml: data.scale",
            remedy="add a column of integers or text to the key, such as a number of the row, or set data.scale to 1",
        )
    return found


class _Scaled(Recipe):
    """Mixed into the class of a recipe.

    Attributes:
        original: The recipe without copies.
        copies: How many times each row is in the dataset.
        shares: Shares of the splits.
    """

    original: Recipe
    copies: int
    shares: config.Split

    def transform(self, tables: Mapping[str, Any]) -> Any:
        from firelib.data.frames.conversion import to_dask  # imports Dask, which firelib check does without

        recipe, copies = self.original, self.copies
        column = find_copied_column(recipe, {name: table.columns for name, table in tables.items()})
        copied = {
            name: copy_table(table, column, copies) if column in table.columns else table
            for name, table in tables.items()
        }
        rows = recipe.transform(copied)
        if self.split_column != SPLIT:
            return rows
        frame = to_dask(rows, f"recipe {recipe.name!r}: transform")
        meta = add_original_split(frame._meta, recipe, column, copies, self.shares)
        return frame.map_partitions(add_original_split, recipe, column, copies, self.shares, meta=meta)


def add_original_split(
    rows: pd.DataFrame, recipe: Recipe, column: str, copies: int, split: config.Split
) -> pd.DataFrame:
    """Copies with the split of their originals in column `SPLIT`; it is empty in rows without a key.

    Args:
        rows: Rows that the `transform` of the recipe returns.
        recipe: The recipe without copies.
        column: Column of the key that numbers the copies.
        copies: Number of copies.
        split: Shares of the splits.
    """
    identity = rows[list(dict.fromkeys([*recipe.key, *split_columns(recipe)]))]
    known = identity.notna().all(axis=1).to_numpy(bool)
    originals = identity[known].assign(**{column: find_originals(identity[column][known], copies)})
    hashes = compute_hashes(originals, recipe.key, recipe.test_rows)
    names = np.full(len(rows), None, dtype=object)
    names[known] = np.array(SPLITS, dtype=object)[find_ranges(hashes, split_ranges(split, find_split_rule(recipe)))]
    return rows.assign(**{SPLIT: pd.Series(names, rows.index, dtype="str")})
