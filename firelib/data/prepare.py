"""First pass of the transform: check a partition and leave it in scratch storage, sorted by the key's hash."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from firelib import storage
from firelib.data.row_validation import check
from firelib.data.split import HASH, Hashes, HashRange, places
from firelib.recipe import Recipe

_ROW_GROUP = 8192  # rows; small groups let the second pass skip what it does not need


@dataclass(frozen=True)
class Partition:
    """What the first pass says of one partition.

    Attributes:
        rows: Rows before any exclusion.
        excluded: Reason → rows that the recipe left out.
        rejected: Rows that broke a declaration.
        splits: Split → good rows.
        nbytes: Size of the good rows in memory.
    """

    rows: int
    excluded: Counter[str]
    rejected: pa.Table
    splits: Counter[str]
    nbytes: int = 0


def prepare_partition(rows: pd.DataFrame, recipe: Recipe, ranges: Mapping[str, HashRange], uri: str) -> Partition:
    """First pass over one partition: check it and leave it in scratch storage, sorted by hash."""
    checked = check(rows, recipe)
    deciding = dict.fromkeys([*recipe.key, *([recipe.test_rows] if recipe.test_rows else [])])
    hashes = places(checked.good.select(list(deciding)).to_pandas(), recipe.key, recipe.test_rows)
    names = dict.fromkeys([*recipe.key, *(feature.name for feature in recipe.features), recipe.label.name])
    good = checked.good.select(list(names)).append_column(HASH, pa.array(hashes))
    fs, path = storage.filesystem(uri)
    with storage.explain_full_disk(uri):
        pq.write_table(good.sort_by(HASH), path, filesystem=fs, row_group_size=_ROW_GROUP, compression="lz4")
    return Partition(len(rows), checked.excluded, checked.rejected, _count_splits(hashes, ranges), good.nbytes)


def _count_splits(hashes: Hashes, ranges: Mapping[str, HashRange]) -> Counter[str]:
    ends = np.array([part.high - 1 for part in ranges.values()], np.uint64)
    which = np.searchsorted(ends, hashes, side="left")
    return Counter({split: int((which == index).sum()) for index, split in enumerate(ranges)})
