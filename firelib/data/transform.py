"""Stage `transform`: lake -> Dask on Ray -> shards and manifest.

The transform has two passes. The first pass (`prepare`) joins and validates each partition, and writes it to scratch
storage, sorted by position (`split.position`). The second pass (`shard_gather`) gathers a range of positions from all
partitions and writes it as one shard. The content of a shard therefore depends on the rows alone, not on partitions,
workers or the order in which tasks end.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
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
from firelib.data.delta_tables import check_rows_are_conserved
from firelib.data.extract import ensure_lake
from firelib.data.joined_table import join_tables
from firelib.data.prepare import PreparedPartition, apply_cuts, prepare_partition
from firelib.data.quality.expectations import check_expectations
from firelib.data.row_order import sort_rows
from firelib.data.row_validation import REASON
from firelib.data.scratch import scratch_folder
from firelib.data.shard_gather import GatheredShard, ShardPlan, gather_shard, plan_shards
from firelib.data.split.leakage import report_leakage, sample_limit
from firelib.data.split.leakage_summary import summarize_leakage
from firelib.data.split.position import HashRange, split_ranges
from firelib.data.split.report import check_rows, check_values, describe_split
from firelib.data.split.strata import find_cuts
from firelib.data.synthetic.scaled_recipe import describe_copies, scale_up
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
    frame = join_tables(recipe, paths.lake, versions, split)
    ranges = split_ranges(split, find_split_rule(recipe))
    with scratch_folder(paths.scratch) as scratch:
        files = [storage.join(scratch, f"{index}.parquet") for index in range(frame.npartitions)]
        partitions = _prepare_partitions(frame, recipe, split, ranges, files)
        check_values(partitions, recipe)
        totals = _count_rows(partitions, recipe, split, ranges, files)
        check_rows(partitions, totals, recipe, split)
        mean_bytes = sum(part.nbytes for part in partitions) // totals.total()
        plans = plan_shards(recipe, totals, ranges, params.data.shard_mib * 2**20, mean_bytes)
        with new_dataset(paths) as folder:
            limit = sample_limit(totals.total())
            shards = _write_shards(plans, recipe, files, folder, limit)
            set_aside = _collect_set_aside(partitions, shards, recipe)
            leakage = report_leakage([(shard.split, shard.contents) for shard in shards], limit)
            described = {**describe_split(recipe, split, leakage), **describe_copies(params.data.scale)}
            manifest = build_manifest(recipe, versions, partitions, shards, set_aside, described)
            check_expectations(recipe, manifest)
            check_rows_are_conserved(*count_rows(manifest), f"recipe {recipe.name!r}: firelib transform")
            storage.write_bytes(storage.join(folder, MANIFEST_NAME), manifest.to_json())
            _write_set_aside(set_aside, paths.set_aside)
    for line in summarize_leakage(leakage):
        note(f"  on two sides: {line}")
    return manifest


def _prepare_partitions(
    frame: Any, recipe: Recipe, split: Split, ranges: Mapping[str, HashRange], files: Sequence[str]
) -> list[PreparedPartition]:
    prepare = dask.delayed(prepare_partition, pure=False)
    partitions = zip(frame.to_delayed(), files, strict=True)
    return compute([prepare(rows, recipe, ranges, file, split) for rows, file in partitions], "join and validate")


def _count_rows(
    partitions: Sequence[PreparedPartition],
    recipe: Recipe,
    split: Split,
    ranges: Mapping[str, HashRange],
    files: Sequence[str],
) -> Counter[str]:
    """Rows of each split, after rows of small strata have moved."""
    cuts = find_cuts((part.strata for part in partitions), split)
    if not cuts:
        return sum((part.splits for part in partitions), Counter[str]())
    move = dask.delayed(apply_cuts, pure=False)
    return sum(compute([move(file, recipe, split, cuts, ranges) for file in files], "stratify"), Counter[str]())


def _write_shards(
    plans: Sequence[ShardPlan], recipe: Recipe, files: Sequence[str], folder: str, limit: int
) -> list[GatheredShard]:
    gather = dask.delayed(gather_shard, pure=False)
    return compute([gather(plan, recipe, files, folder, limit) for plan in plans], "write shards")


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
