"""Second pass of the transform: gather a range of hashes from all partitions, and write it as a shard."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from firelib import storage
from firelib.data.row_order import sort_rows
from firelib.data.row_validation import REASON
from firelib.data.split import HASH, HashRange
from firelib.data.statistics import Moments, compute_moments
from firelib.recipe import Feature, Recipe
from firelib.tfrecord.format.arrow_columns import to_columns
from firelib.tfrecord.format.fixed_layout import FixedLayout
from firelib.tfrecord.format.manifest import Shard
from firelib.tfrecord.write.shard_writer import choose_layout, shard_count, shard_name, write_shard


@dataclass(frozen=True)
class ShardPlan:
    """One shard to write.

    Attributes:
        split: The split of its rows.
        name: File name.
        hashes: Range of the hashes of its rows.
    """

    split: str
    name: str
    hashes: HashRange


@dataclass(frozen=True)
class GatheredShard:
    """Result of the second pass over one range of hashes.

    Attributes:
        split: The split of its rows.
        shard: The written file.
        moments: Feature → moments, for shards of the training split; empty for others.
        set_aside: Rows with the key of an earlier row, with the reason.
    """

    split: str
    shard: Shard
    moments: dict[str, Moments]
    set_aside: pa.Table


def plan_shards(
    recipe: Recipe, totals: Counter[str], ranges: Mapping[str, HashRange], target_bytes: float, mean_bytes: int = 0
) -> list[ShardPlan]:
    """The shards of all splits: equal ranges of hashes that give about the target size.

    Args:
        recipe: Names features and label.
        totals: Split → number of rows.
        ranges: Split → its range of hashes.
        target_bytes: Size of a shard, in bytes.
        mean_bytes: Mean size of a row in memory, in bytes, for records without a fixed size.
    """
    layout = choose_layout([*recipe.features, recipe.label])
    record_bytes = layout.record_bytes if isinstance(layout, FixedLayout) else mean_bytes
    plans = []
    for split, whole in ranges.items():
        count = shard_count(totals[split], record_bytes, target_bytes)
        for index, part in enumerate(whole.divide(count)):
            plans.append(ShardPlan(split, shard_name(split, index, count), part))
    return plans


def gather_shard(plan: ShardPlan, recipe: Recipe, partitions: Sequence[str], folder: str) -> GatheredShard:
    """Write one shard.

    Args:
        plan: The shard to write.
        recipe: Names key, features and label.
        partitions: URIs of the files that the first pass wrote, one for each partition.
        folder: URI of the folder of the shards.

    Raises:
        FirelibError: The disk is full.
    """
    rows = pa.concat_tables([_read_range(uri, plan.hashes) for uri in partitions], promote_options="permissive")
    features = [*recipe.features, recipe.label]
    rows = _sort(rows, recipe.key, features)
    repeated = _repeats_key(rows, recipe.key)
    columns = to_columns(rows.filter(pa.array(~repeated)), features)
    with storage.explain_full_disk(folder):
        shard = write_shard(storage.join(folder, plan.name), columns, choose_layout(features))
    partial = {f.name: compute_moments(columns[f.name], f) for f in recipe.features} if plan.split == "train" else {}
    return GatheredShard(plan.split, shard, partial, _add_reason(rows.filter(pa.array(repeated))))


def _read_range(uri: str, hashes: HashRange) -> pa.Table:
    fs, path = storage.filesystem(uri)
    low = pc.field(HASH) >= pa.scalar(hashes.low, pa.uint64())
    below = pc.field(HASH) <= pa.scalar(hashes.high - 1, pa.uint64())
    return pq.read_table(path, filesystem=fs, filters=low & below, partitioning=None)


def _sort(rows: pa.Table, key: Sequence[str], features: Sequence[Feature]) -> pa.Table:
    """Rows sorted by hash, key and features, so that the first row of a key does not depend on the partitions."""
    order = [HASH, *key, *(feature.name for feature in features if not (feature.shape or feature.ragged))]
    rows = sort_rows(rows, order)
    arrays = [feature.name for feature in features if feature.shape or feature.ragged]
    if not arrays or not _repeats_key(rows, key).any():
        return rows
    texts = {f"{HASH}_{name}": pa.array(map(str, rows[name].to_pylist()), pa.string()) for name in arrays}
    for name, text in texts.items():  # Arrow cannot sort by arrays, but by their texts
        rows = rows.append_column(name, text)
    return sort_rows(rows, [*order, *texts]).drop_columns(list(texts))


def _repeats_key(rows: pa.Table, key: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Whether each row has the key of the row before it; the rows are sorted."""
    same = np.zeros(rows.num_rows, dtype=bool)
    if rows.num_rows > 1:
        same[1:] = True
        for name in key:
            column = rows[name].combine_chunks()
            same[1:] &= pc.equal(column[1:], column[:-1]).to_numpy(zero_copy_only=False).astype(bool)
    return same


def _add_reason(duplicates: pa.Table) -> pa.Table:
    reason = pa.array(["the key is there twice"] * duplicates.num_rows, pa.string())
    return duplicates.drop_columns([HASH]).append_column(REASON, reason)
