"""First pass of the transform: validate a partition and write it to scratch storage, sorted by hash."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from firelib import storage
from firelib.data.row_validation import validate_rows
from firelib.data.split import HASH, Hashes, HashRange, compute_hashes
from firelib.recipe import Recipe

_ROW_GROUP = 8192  # rows; the second pass skips row groups outside of its range of hashes


@dataclass(frozen=True)
class PreparedPartition:
    """Result of the first pass over one partition.

    Attributes:
        rows: Number of rows before any exclusion.
        excluded: Reason → number of rows that the recipe excludes.
        set_aside: Rows that break a declaration, with the reason.
        splits: Split → number of valid rows.
        nbytes: Size of the valid rows in memory, in bytes.
    """

    rows: int
    excluded: Counter[str]
    set_aside: pa.Table
    splits: Counter[str]
    nbytes: int = 0


def prepare_partition(
    rows: pd.DataFrame, recipe: Recipe, ranges: Mapping[str, HashRange], uri: str
) -> PreparedPartition:
    """Validate the rows of one partition, and write the valid ones sorted by hash.

    Args:
        rows: Rows that the recipe's `transform` returns.
        recipe: Names key, features and label.
        ranges: Split → its range of hashes.
        uri: Parquet file to write.

    Raises:
        FirelibError: The rows do not have the declared columns and types, or the disk is full.
    """
    validated = validate_rows(rows, recipe)
    hashed = dict.fromkeys([*recipe.key, *([recipe.test_rows] if recipe.test_rows else [])])
    hashes = compute_hashes(validated.valid.select(list(hashed)).to_pandas(), recipe.key, recipe.test_rows)
    names = dict.fromkeys([*recipe.key, *(feature.name for feature in recipe.features), recipe.label.name])
    valid = validated.valid.select(list(names)).append_column(HASH, pa.array(hashes))
    fs, path = storage.filesystem(uri)
    with storage.explain_full_disk(uri):
        pq.write_table(valid.sort_by(HASH), path, filesystem=fs, row_group_size=_ROW_GROUP, compression="lz4")
    splits = _count_splits(hashes, ranges)
    return PreparedPartition(len(rows), validated.excluded, validated.set_aside, splits, valid.nbytes)


def _count_splits(hashes: Hashes, ranges: Mapping[str, HashRange]) -> Counter[str]:
    ends = np.array([part.high - 1 for part in ranges.values()], np.uint64)
    which = np.searchsorted(ends, hashes, side="left")
    return Counter({split: int((which == index).sum()) for index, split in enumerate(ranges)})
