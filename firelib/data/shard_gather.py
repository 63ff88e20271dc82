"""Second pass of the transform: gather a range of positions from all partitions, and write it as a shard."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from firelib import storage
from firelib.data.row_order import sort_rows
from firelib.data.row_validation import REASON
from firelib.data.split.leakage import Contents, describe_contents
from firelib.data.split.position import HASH, HASH_SPACE, HashRange
from firelib.recipe import Feature, Recipe
from firelib.tfrecord.format.arrow_columns import to_columns
from firelib.tfrecord.format.fixed_layout import FixedLayout
from firelib.tfrecord.format.manifest import Shard
from firelib.tfrecord.write.shard_writer import choose_layout, shard_count, shard_name, write_shard
from firelib.tfrecord.write.statistics import Moments, compute_moments


@dataclass(frozen=True)
class ShardPlan:
    """One shard to write.

    Attributes:
        split: The split of its rows.
        name: File name.
        hashes: Range of the positions of its rows.
    """

    split: str
    name: str
    hashes: HashRange


@dataclass(frozen=True)
class GatheredShard:
    """Result of the second pass over one range of positions.

    Attributes:
        split: The split of its rows.
        shard: The written file.
        moments: Feature → moments, for shards of the training split; empty for others.
        set_aside: Rows with the key of an earlier row, with the reason.
        contents: What may also be in another split.
    """

    split: str
    shard: Shard
    moments: dict[str, Moments]
    set_aside: pa.Table
    contents: Contents = field(default_factory=Contents)


def plan_shards(
    recipe: Recipe, totals: Counter[str], ranges: Mapping[str, HashRange], target_bytes: float, mean_bytes: int = 0
) -> list[ShardPlan]:
    """The shards of all splits: equal ranges of positions that give about the target size.

    Args:
        recipe: Names features and label.
        totals: Split → number of rows.
        ranges: Split → its range of positions.
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


def gather_shard(
    plan: ShardPlan, recipe: Recipe, partitions: Sequence[str], folder: str, limit: int = HASH_SPACE
) -> GatheredShard:
    """Write one shard.

    Args:
        plan: The shard to write.
        recipe: Names key, features and label.
        partitions: URIs of the files that the first pass wrote, one for each partition.
        folder: URI of the folder of the shards.
        limit: Limit of the sample of hashes that the report on leakage compares (`leakage.sample_limit`).

    Raises:
        FirelibError: The disk is full.
    """
    rows = pa.concat_tables([_read_range(uri, plan.hashes) for uri in partitions], promote_options="permissive")
    features = [*recipe.features, recipe.label]
    rows = _sort(rows, recipe, features)
    repeated = _repeats_key(rows, recipe.key)
    kept = rows.filter(pa.array(~repeated))
    columns = to_columns(kept, features)
    with storage.explain_full_disk(folder):
        shard = write_shard(storage.join(folder, plan.name), columns, choose_layout(features))
    partial = {f.name: compute_moments(columns[f.name], f) for f in recipe.features} if plan.split == "train" else {}
    contents = describe_contents(kept, columns, recipe, limit)
    return GatheredShard(plan.split, shard, partial, _add_reason(rows.filter(pa.array(repeated))), contents)


def _read_range(uri: str, hashes: HashRange) -> pa.Table:
    fs, path = storage.filesystem(uri)
    low = pc.field(HASH) >= pa.scalar(hashes.low, pa.uint64())
    below = pc.field(HASH) <= pa.scalar(hashes.high - 1, pa.uint64())
    return pq.read_table(path, filesystem=fs, filters=low & below, partitioning=None)


def _sort(rows: pa.Table, recipe: Recipe, features: Sequence[Feature]) -> pa.Table:
    """Rows sorted by position, key and other columns: the first row of a key does not depend on the partitions."""
    scalars = [feature.name for feature in features if not (feature.shape or feature.ragged)]
    order = [HASH, *recipe.key, *scalars, *recipe.split_by, *recipe.stratify_by]
    rows = sort_rows(rows, order)
    arrays = [feature.name for feature in features if feature.shape or feature.ragged]
    if not arrays or not _repeats_key(rows, recipe.key).any():
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
