"""Stage `transform`: lake -> Dask on Ray -> shards and manifest.

The transform has two passes. The first pass (`prepare`) joins and validates each partition, and writes it to scratch
storage, sorted by the hash of the key. The second pass (`shard_gather`) gathers a range of hashes from all partitions
and writes it as one shard. The content of a shard therefore depends on the keys alone, not on partitions, workers or
the order in which tasks end.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dask
import pyarrow as pa
import pyarrow.parquet as pq

from firelib import storage
from firelib.config import Params
from firelib.data.dask_on_ray import compute
from firelib.data.dataset_manifest import build_manifest, count_rows
from firelib.data.delta_tables import check_rows_are_conserved
from firelib.data.extract import ensure_lake
from firelib.data.joined_table import join_tables
from firelib.data.prepare import PreparedPartition, prepare_partition
from firelib.data.row_order import sort_rows
from firelib.data.row_validation import REASON
from firelib.data.scratch import scratch_folder
from firelib.data.shard_gather import GatheredShard, ShardPlan, gather_shard, plan_shards
from firelib.data.split import HashRange, split_ranges
from firelib.dataset_store import new_dataset
from firelib.errors import FirelibError
from firelib.project_layout import Paths
from firelib.recipe import Recipe
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
    lake = ensure_lake(recipe, paths)
    versions = lake.resolve_versions(params.data.version)
    frame = join_tables(recipe, paths.lake, versions)
    ranges = split_ranges(params.data.split, recipe.test_rows)
    with scratch_folder(paths.scratch) as scratch:
        files = [storage.join(scratch, f"{index}.parquet") for index in range(frame.npartitions)]
        partitions = _prepare_partitions(frame, recipe, ranges, files)
        totals = sum((part.splits for part in partitions), Counter[str]())
        _check_splits(totals, recipe, params)
        mean_bytes = sum(part.nbytes for part in partitions) // totals.total()
        plans = plan_shards(recipe, totals, ranges, params.data.shard_mib * 2**20, mean_bytes)
        with new_dataset(paths) as folder:
            shards = _write_shards(plans, recipe, files, folder)
            set_aside = _collect_set_aside(partitions, shards, recipe)
            manifest = build_manifest(recipe, versions, partitions, shards, set_aside)
            check_rows_are_conserved(*count_rows(manifest), f"recipe {recipe.name!r}: firelib transform")
            storage.write_bytes(storage.join(folder, MANIFEST_NAME), manifest.to_json())
            _write_set_aside(set_aside, paths.set_aside)
    return manifest


def _prepare_partitions(
    frame: Any, recipe: Recipe, ranges: Mapping[str, HashRange], files: Sequence[str]
) -> list[PreparedPartition]:
    prepare = dask.delayed(prepare_partition, pure=False)
    partitions = zip(frame.to_delayed(), files, strict=True)
    return compute([prepare(rows, recipe, ranges, file) for rows, file in partitions], "join and validate")


def _write_shards(plans: Sequence[ShardPlan], recipe: Recipe, files: Sequence[str], folder: str) -> list[GatheredShard]:
    gather = dask.delayed(gather_shard, pure=False)
    return compute([gather(plan, recipe, files, folder) for plan in plans], "write shards")


def _check_splits(totals: Counter[str], recipe: Recipe, params: Params) -> None:
    """Refuse empty splits."""
    shares = params.data.split.model_dump()
    empty = [split for split in shares if not totals[split]]
    if empty == ["test"] and recipe.test_rows:
        raise FirelibError(
            f"split 'test' is empty: {recipe.test_rows!r} is true in none of {totals.total()} rows",
            where=f"recipe {recipe.name!r}: test_rows",
            remedy="mark the test rows, or remove test_rows and set data.split.test to a share above 0",
        )
    if empty:
        raise FirelibError(
            f"split {empty[0]!r} is empty: its share of {totals.total()} rows is {shares[empty[0]]:g}",
            where="params.yaml: data.split",
            remedy="give the split a larger share, or choose a data.version with more rows",
        )


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
