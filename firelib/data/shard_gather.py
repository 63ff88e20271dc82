"""Second pass of the transform: gather a range of positions from all partitions, and write its shards.

A task writes several small shards, or one large one. It reads one byte range of each partition's file, so the number of
reads is tasks × partitions. Both numbers follow the bytes (`data.partition_bytes`).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from firelib.data.generations.key_files import is_repeated
from firelib.data.generations.shard_store import store_shard
from firelib.data.memory.task_memory import TaskMemory
from firelib.data.row_order import sort_indices
from firelib.data.row_validation import REASON
from firelib.data.shuffle.block_files import Blocks, share_schemas
from firelib.data.shuffle.sorted_files import SortedFile, read_sorted
from firelib.data.split.leakage import Contents, describe_contents
from firelib.data.split.position import HASH, HASH_SPACE, Hashes, HashRange
from firelib.data.vocabularies.merge import store_words
from firelib.data.vocabularies.word_counts import WordFile
from firelib.recipe import Feature, Recipe
from firelib.tfrecord.format.arrow_columns import to_columns
from firelib.tfrecord.format.fixed_layout import FixedLayout
from firelib.tfrecord.format.manifest import Shard
from firelib.tfrecord.write.shard_writer import choose_layout, shard_count
from firelib.tfrecord.write.statistics import Moments, compute_moments

_COPIES_OF_SHARD = 12  # of a task with one shard: measured, 570 MiB of a worker for 42 MiB of rows


@dataclass(frozen=True)
class ShardPlan:
    """One shard to write.

    Attributes:
        split: The split of its rows.
        stem: What the file's name begins with: split, generation and index.
        hashes: Range of the positions of its rows.
        rows: Expected number of rows.
    """

    split: str
    stem: str
    hashes: HashRange
    rows: int


@dataclass(frozen=True)
class GatheredShard:
    """Result of the second pass over one range of positions.

    Attributes:
        split: The split of its rows.
        shard: The written file.
        moments: Feature → moments, for shards of the training split; empty for others.
        set_aside: Rows with the key of an earlier row, with the reason.
        contents: What may also be in another split.
        words: Feature → file of its distinct strings, for features with too many of them for `moments`.
    """

    split: str
    shard: Shard
    moments: dict[str, Moments]
    set_aside: pa.Table
    contents: Contents = field(default_factory=Contents)
    words: Mapping[str, WordFile] = field(default_factory=dict)


def plan_shards(
    recipe: Recipe,
    totals: Counter[str],
    ranges: Mapping[str, HashRange],
    target_bytes: float,
    record_bytes: int = 0,
    generation: int = 0,
) -> list[ShardPlan]:
    """The shards of a generation: equal ranges of positions that give about the target size.

    Args:
        recipe: Names features and label.
        totals: Split → number of rows.
        ranges: Split → its range of positions.
        target_bytes: Size of a shard, in bytes.
        record_bytes: Mean size of a record, in bytes, if records have no fixed size. It must not depend on partitions,
            since the content of the shards follows their number.
        generation: Index of the generation.

    Returns:
        The plans of the splits that have rows, in ascending order of their positions.
    """
    layout = choose_layout([*recipe.features, recipe.label])
    record_bytes = layout.record_bytes if isinstance(layout, FixedLayout) else record_bytes
    plans = []
    for split, whole in ranges.items():
        count = shard_count(totals[split], record_bytes, target_bytes) if totals[split] else 0
        for index, part in enumerate(whole.divide(count) if count else []):
            plans.append(ShardPlan(split, f"{split}-{generation:05d}-{index:05d}", part, totals[split] // count))
    return plans


@dataclass(frozen=True)
class GatherTask:
    """Shards with adjacent ranges of positions, and where their rows are.

    Attributes:
        plans: The shards to write, in ascending order.
        files: All files of the generation, of which a part has rows of these shards.
        repeated: Keys that an earlier generation has, sorted; uint64 [keys, 2].
        limit: Limit of the sample of hashes that the report on leakage compares (`leakage.sample_limit`).
    """

    plans: Sequence[ShardPlan]
    files: Sequence[SortedFile]
    repeated: Hashes = field(default_factory=lambda: np.zeros((0, 2), np.uint64))
    limit: int = HASH_SPACE


def group_shards(plans: Sequence[ShardPlan], files: Sequence[SortedFile], most_rows: int) -> list[GatherTask]:
    """Tasks that gather about the same number of rows each.

    Args:
        plans: All shards, in ascending order of their positions.
        files: What the first pass wrote, one file for each partition.
        most_rows: Number of rows that a task may hold; one shard may have more.
    """
    shared = share_schemas(file.blocks for file in files)
    files = [replace(file, blocks=blocks) for file, blocks in zip(files, shared, strict=True)]
    groups: list[list[ShardPlan]] = []
    rows = 0
    for plan in plans:
        if not groups or rows + plan.rows > most_rows:
            groups.append([])
            rows = 0
        groups[-1].append(plan)
        rows += plan.rows
    return [GatherTask(group, files) for group in groups]


def estimate_gather(tasks: Sequence[GatherTask], mean_bytes: int, shard_mib: float, task_bytes: int) -> TaskMemory:
    """Memory of the task that gathers the most rows: those of small shards together, or those of one large shard.

    Args:
        tasks: All tasks.
        mean_bytes: Mean size of a row in memory, in bytes.
        shard_mib: Target size of a shard, in MiB.
        task_bytes: Target size of the rows of a task, in bytes.
    """
    plans = max((task.plans for task in tasks), key=_count_rows, default=())
    nbytes = _count_rows(plans) * mean_bytes
    if len(plans) != 1:
        return TaskMemory(nbytes, f"{len(plans)} shards", value=task_bytes)
    return TaskMemory(nbytes, "one shard", "data.shard_mib", shard_mib, 2**20, copies=_COPIES_OF_SHARD)


def _count_rows(plans: Sequence[ShardPlan]) -> int:
    return sum(plan.rows for plan in plans)


def _select(task: GatherTask) -> list[Blocks]:
    """The blocks with the rows of a task; one without blocks, if there are no rows, tells the columns."""
    whole = HashRange(task.plans[0].hashes.low, task.plans[-1].hashes.high)
    selected = [blocks for file in task.files if (blocks := file.select(whole))]
    return selected or [task.files[0].blocks.select(0, 0)]


def gather_shards(task: GatherTask, recipe: Recipe, folder: str, words: str | None = None) -> list[GatheredShard]:
    """Write the shards of a task.

    Args:
        task: The shards to write.
        recipe: Names key, features and label.
        folder: URI of the folder of the shards.
        words: URI of a folder for the strings of features that have many; None leaves all in the moments.

    Raises:
        FirelibError: The disk is full.
    """
    rows = read_sorted(_select(task))
    positions = rows[HASH].to_numpy()
    shards = []
    for plan in task.plans:
        first = int(np.searchsorted(positions, np.uint64(plan.hashes.low), side="left"))
        stop = int(np.searchsorted(positions, np.uint64(plan.hashes.high - 1), side="right"))
        shards.append(_write_shard(plan, rows.slice(first, stop - first), recipe, folder, task, words))
    return shards


def _write_shard(
    plan: ShardPlan, rows: pa.Table, recipe: Recipe, folder: str, task: GatherTask, words: str | None
) -> GatheredShard:
    features = [*recipe.features, recipe.label]
    rows = _order_ties(rows, recipe, features)
    repeated = _repeats_key(rows, recipe.key)
    if len(task.repeated):
        repeated |= is_repeated(rows.select(list(recipe.key)).to_pandas(), recipe.key, task.repeated)
    kept = rows.filter(pa.array(~repeated)) if repeated.any() else rows
    columns = to_columns(kept, features)
    shard = store_shard(folder, plan.stem, columns, choose_layout(features))
    partial = {f.name: compute_moments(columns[f.name], f) for f in recipe.features} if plan.split == "train" else {}
    partial, files = store_words(partial, words) if words else (partial, {})
    contents = describe_contents(kept, columns, recipe, task.limit, plan.split)
    return GatheredShard(plan.split, shard, partial, _add_reason(rows.filter(pa.array(repeated))), contents, files)


def _order_ties(rows: pa.Table, recipe: Recipe, features: Sequence[Feature]) -> pa.Table:
    """Rows sorted by position, key and other columns: the first row of a key does not depend on the partitions.

    Args:
        rows: The rows, sorted by position.
        recipe: Names the key.
        features: Features and label.
    """
    positions = rows[HASH].to_numpy()
    equal = positions[1:] == positions[:-1]
    if not equal.any():
        return rows
    tied = np.flatnonzero(np.append(equal, False) | np.insert(equal, 0, False))
    order = np.arange(len(positions))
    order[tied] = tied[_sort_indices(rows.take(pa.array(tied)), recipe, features)]
    return rows.take(pa.array(order))


def _sort_indices(rows: pa.Table, recipe: Recipe, features: Sequence[Feature]) -> npt.NDArray[np.uint64]:
    scalars = [feature.name for feature in features if not (feature.shape or feature.ragged)]
    arrays = [feature.name for feature in features if feature.shape or feature.ragged]
    texts = [f"{HASH}_{name}" for name in arrays]
    for name, text in zip(arrays, texts, strict=True):  # Arrow cannot sort by arrays, but by their texts
        rows = rows.append_column(text, pa.array(map(str, rows[name].to_pylist()), pa.string()))
    return sort_indices(rows, [HASH, *recipe.key, *scalars, *recipe.split_by, *recipe.stratify_by, *texts])


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
