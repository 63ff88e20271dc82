"""Stage `transform`: lake -> Dask on Ray -> shards and manifest.

The transform has two passes. The first pass (`prepare`) joins and validates each partition, and writes it to scratch
storage, sorted by position (`split.position`). The second pass (`shard_gather`) gathers a range of positions from all
partitions and writes it as one or more shards. The content of a shard therefore depends on the rows alone, not on
partitions, workers or the order in which tasks end.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import dask
import pyarrow as pa
import pyarrow.parquet as pq

from firelib import storage
from firelib.config import Params, Split, check_split
from firelib.console import note
from firelib.data.dask_on_ray import compute
from firelib.data.dataset_manifest import build_manifest, count_rows
from firelib.data.extract import ensure_lake
from firelib.data.joined_table import join_planned
from firelib.data.memory.disk_use import report_disk_use
from firelib.data.memory.table_plans import plan_within_memory
from firelib.data.memory.task_memory import TaskMemory, most_rows_bytes
from firelib.data.parts.part import check_rows_are_conserved
from firelib.data.prepare import PreparedPartition, apply_cuts, prepare_partition
from firelib.data.quality.expectations import check_expectations
from firelib.data.quality.trained_sample import keep_sample, measure_drift_since_training, sample_dataset
from firelib.data.row_order import sort_rows
from firelib.data.row_validation import REASON
from firelib.data.scratch import scratch_folder
from firelib.data.shard_gather import (
    GatheredShard,
    GatherTask,
    estimate_gather,
    gather_shards,
    group_shards,
    plan_shards,
)
from firelib.data.shuffle.sorted_files import SortedFile
from firelib.data.split.leakage import report_leakage, sample_limit
from firelib.data.split.leakage_summary import summarize_leakage
from firelib.data.split.position import HashRange, split_ranges
from firelib.data.split.report import check_rows, check_values, describe_split
from firelib.data.split.strata import find_cuts
from firelib.data.synthetic.scaled_recipe import describe_copies, scale_up
from firelib.data.vocabularies.fitted_features import fit_features, report_cut_words
from firelib.dataset_store import new_dataset
from firelib.project_layout import Paths
from firelib.recipe import Recipe, find_split_rule
from firelib.tfrecord.format.manifest import MANIFEST_NAME, Manifest


def transform(recipe: Recipe, params: Params, paths: Paths) -> Manifest:
    """Make the dataset of a recipe. Ray must be connected.

    Args:
        recipe: Joins the tables and declares the columns.
        params: Versions of the tables, splits and the size of the shards.
        paths: Where the lake, scratch files and the dataset are.

    Returns:
        The manifest, which is written after all shards.

    Raises:
        FirelibError: The lake, the recipe's `transform` or its rows are invalid, a split is empty, or the disk is
            full.
    """
    split = params.data.split
    check_split(split, recipe)
    recipe = scale_up(recipe, params.data.scale, split)
    lake = ensure_lake(recipe, paths)
    versions = lake.resolve_versions(params.data.version)
    ranges = split_ranges(split, find_split_rule(recipe))
    tables, need = plan_within_memory(recipe, paths.lake, versions, params.data.partition_bytes)
    with scratch_folder(paths.scratch) as scratch, report_disk_use(scratch):
        frame = join_planned(recipe, tables, split, scratch, most_rows_bytes())
        partitions = _prepare_partitions(frame, recipe, split, ranges, scratch, need)
        check_values(partitions, recipe)
        totals, files = _count_rows(partitions, recipe, split, ranges, scratch, need)
        check_rows(partitions, totals, recipe, split)
        mean_bytes = sum(part.nbytes for part in partitions) // totals.total()
        sample = sample_dataset(files, recipe, totals.total())
        plans = plan_shards(recipe, totals, ranges, params.data.shard_mib * 2**20, mean_bytes)
        tasks = group_shards(plans, files, int(need.value) // max(mean_bytes, 1))
        with new_dataset(paths) as folder:
            limit = sample_limit(totals.total())
            gathering = estimate_gather(tasks, mean_bytes, params.data.shard_mib, int(need.value))
            shards = _write_shards(tasks, recipe, folder, limit, scratch, gathering)
            set_aside = _collect_set_aside(partitions, shards, recipe)
            leakage = report_leakage([(shard.split, shard.contents) for shard in shards], limit)
            described = {**describe_split(recipe, split, leakage), **describe_copies(params.data.scale)}
            features = fit_features(recipe, shards, folder, scratch)
            manifest = build_manifest(recipe, features, versions, partitions, shards, set_aside, described)
            check_expectations(recipe, manifest, measure_drift_since_training(sample, paths))
            check_rows_are_conserved(*count_rows(manifest), f"recipe {recipe.name!r}: firelib transform")
            keep_sample(sample, manifest.sha256, paths)
            storage.write_bytes(storage.join(folder, MANIFEST_NAME), manifest.to_json())
            _write_set_aside(set_aside, paths.set_aside)
    report_cut_words(manifest.features)
    for line in summarize_leakage(leakage):
        note(f"  on two sides: {line}")
    return manifest


def _prepare_partitions(
    frame: Any, recipe: Recipe, split: Split, ranges: Mapping[str, HashRange], scratch: str, need: TaskMemory
) -> list[PreparedPartition]:
    prepare = partial(prepare_partition, recipe=recipe, ranges=ranges, folder=scratch, split=split)
    # One task reads, joins and validates: Dask fuses the calls, so rows do not pass through Ray's object store.
    prepared = frame.map_partitions(prepare, meta=("prepared", object), enforce_metadata=False)
    return compute(prepared.to_delayed(), "join and validate", need)


def _count_rows(
    partitions: Sequence[PreparedPartition],
    recipe: Recipe,
    split: Split,
    ranges: Mapping[str, HashRange],
    scratch: str,
    need: TaskMemory,
) -> tuple[Counter[str], list[SortedFile]]:
    """Rows of each split, after rows of small strata have moved, and the files with the rows."""
    files = [part.file for part in partitions if part.file]
    cuts = find_cuts((part.strata for part in partitions), split)
    if not cuts:
        return sum((part.splits for part in partitions), Counter[str]()), files
    move = dask.delayed(apply_cuts, pure=False)
    moved = compute([move(file, recipe, split, cuts, ranges, scratch) for file in files], "stratify", need)
    return sum((splits for _, splits in moved), Counter[str]()), [file for file, _ in moved]


def _write_shards(
    tasks: Sequence[GatherTask], recipe: Recipe, folder: str, limit: int, scratch: str, need: TaskMemory
) -> list[GatheredShard]:
    gather = dask.delayed(gather_shards, pure=False)
    groups = compute([gather(task, recipe, folder, limit, scratch) for task in tasks], "write shards", need)
    return [shard for group in groups for shard in group]


def _collect_set_aside(
    partitions: Sequence[PreparedPartition], shards: Sequence[GatheredShard], recipe: Recipe
) -> pa.Table:
    """All rows set aside, sorted by key and then by the other columns, so that partitions do not affect the order."""
    tables = [*(part.set_aside for part in partitions), *(shard.set_aside for shard in shards)]
    table = pa.concat_tables(tables, promote_options="permissive")
    sortable = [field.name for field in table.schema if not pa.types.is_nested(field.type)]
    return sort_rows(table, [*recipe.key, REASON, *sortable])


def _write_set_aside(rows: pa.Table, path: Path) -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink)
    storage.write_bytes(str(path), sink.getvalue().to_pybytes())
