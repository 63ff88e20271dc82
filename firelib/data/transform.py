"""Stage `transform`: lake -> Dask on Ray -> shards and manifest.

Two passes. The first joins and checks each partition and leaves it, sorted by the hash of the key, in scratch
storage (`prepare`). The second gathers one range of hashes from all partitions and writes it as one shard
(`gather`). So a shard's content depends on the keys alone, not on partitions, workers or the order in which
tasks end.
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
from firelib.console import note
from firelib.data.dask_on_ray import compute
from firelib.data.extract import ensure_lake
from firelib.data.lake import Lake
from firelib.data.prepare import Partition, prepare_partition
from firelib.data.row_validation import REASON
from firelib.data.scratch import scratch_folder
from firelib.data.shard_gather import Gathered, gather_shard, plan_shards
from firelib.data.split import HashRange, split_ranges
from firelib.data.statistics import fit, merge
from firelib.data.tables import read_table
from firelib.dataset_store import new_dataset
from firelib.errors import FirelibError, did_you_mean
from firelib.project_layout import Paths
from firelib.recipe import FittedFeature, Recipe
from firelib.tfrecord.format.fixed_layout import FixedLayout
from firelib.tfrecord.format.manifest import NAME, Manifest, Split
from firelib.tfrecord.write.shard_writer import layout_of


def transform(recipe: Recipe, params: Params, paths: Paths) -> Manifest:
    """Make the dataset of a recipe; needs a connected Ray.

    Returns:
        The manifest, written last.
    """
    lake = ensure_lake(recipe, paths)
    versions = lake.versions(params.data.version)
    frame = _joined(recipe, lake, versions, paths)
    ranges = split_ranges(params.data.split, recipe.test_rows)
    with scratch_folder(paths.scratch) as scratch:
        files = [storage.join(scratch, f"{index}.parquet") for index in range(frame.npartitions)]
        partitions = _prepare(frame, recipe, ranges, files)
        totals = sum((part.splits for part in partitions), Counter[str]())
        _refuse_empty(totals, recipe, params)
        with new_dataset(paths) as folder:
            mean_bytes = sum(part.nbytes for part in partitions) // totals.total()
            plans = plan_shards(recipe, totals, ranges, params.data.shard_mib * 2**20, mean_bytes)
            gather = dask.delayed(gather_shard, pure=False)
            gathered = compute([gather(plan, recipe, files, folder) for plan in plans], "write shards")
            rejected = _rejected(partitions, gathered, recipe)
            manifest = _manifest(recipe, versions, partitions, gathered, rejected)
            storage.write_bytes(storage.join(folder, NAME), manifest.to_json())
            _keep_aside(rejected, paths.set_aside)
    return manifest


def report(manifest: Manifest) -> None:
    """Say what became of the rows."""
    quality = manifest.quality
    kept = sum(split.rows for split in manifest.splits.values())
    note(f"  {quality['read']:,} rows read, {kept:,} samples")
    for kind in ("excluded", "rejected"):
        for reason, rows in quality[kind].items():
            note(f"  {kind}: {rows:,} ({reason})")
    for name, split in manifest.splits.items():
        size = sum(shard.bytes for shard in split.shards) / 2**20
        shards = "1 shard" if len(split.shards) == 1 else f"{len(split.shards)} shards"
        note(f"  {name}: {split.rows:,} rows, {shards}, {size:.1f} MiB")


def _joined(recipe: Recipe, lake: Lake, versions: dict[str, int], paths: Paths) -> Any:
    tables = {name: read_table(storage.join(paths.lake, name), versions[name]) for name in lake.tables}
    try:
        # Dask's default for one machine shuffles through a local folder, which Ray's other hosts do not see.
        with dask.config.set({"dataframe.shuffle.method": "tasks"}):
            frame = recipe.transform(tables).optimize()
    except Exception as error:
        raise _explain(error, recipe, tables) from error
    needed = [*(feature.name for feature in recipe.features), recipe.label.name, *recipe.key]
    needed += [recipe.test_rows] if recipe.test_rows else []
    missing = sorted(set(needed) - set(frame.columns))
    if missing:
        raise FirelibError(
            f"transform returns no column {', '.join(map(repr, missing))}",
            where=f"recipe {recipe.name!r}",
            remedy=did_you_mean(missing[0], frame.columns),
        )
    return frame


def _explain(error: Exception, recipe: Recipe, tables: Mapping[str, Any]) -> FirelibError:
    """What went wrong while the recipe was building its frame; Dask wraps what happens inside `map_partitions`."""
    where = f"recipe {recipe.name!r}: transform"
    cause = error.__cause__ if isinstance(error, ValueError) and error.__cause__ else error
    if isinstance(cause, FirelibError):
        return cause
    if not isinstance(cause, KeyError):
        return FirelibError(f"{type(cause).__name__}: {cause}", where=where, remedy="--debug shows the whole trace")
    columns = sorted({column for table in tables.values() for column in table.columns})
    name = str(cause.args[0]) if cause.args else str(cause)
    return FirelibError(
        f"the recipe names {name!r}, which its tables lack",
        where=where,
        remedy=f"{did_you_mean(name, columns)} (lake.json lists the columns)",
    )


def _prepare(frame: Any, recipe: Recipe, ranges: Mapping[str, HashRange], files: Sequence[str]) -> list[Partition]:
    prepare = dask.delayed(prepare_partition, pure=False)
    partitions = zip(frame.to_delayed(), files, strict=True)
    return compute([prepare(rows, recipe, ranges, file) for rows, file in partitions], "join and check")


def _refuse_empty(totals: Counter[str], recipe: Recipe, params: Params) -> None:
    shares = params.data.split.model_dump()
    empty = [split for split in shares if not totals[split]]
    if empty == ["test"] and recipe.test_rows:
        raise FirelibError(
            f"split 'test' is empty: {recipe.test_rows!r} is true in none of {totals.total()} rows",
            where=f"recipe {recipe.name!r}: test_rows",
            remedy="mark the rows to test on, or leave test_rows out and give data.split.test a share",
        )
    if empty:
        raise FirelibError(
            f"split {empty[0]!r} is empty: {totals.total()} rows at a share of {shares[empty[0]]:g}",
            where="params.yaml: data.split",
            remedy="give it a larger share, or more rows (data.version)",
        )


def _rejected(partitions: Sequence[Partition], gathered: Sequence[Gathered], recipe: Recipe) -> pa.Table:
    """All rows kept aside, ordered by key; the other columns break ties, so that partitions do not show."""
    tables = [*(part.rejected for part in partitions), *(shard.duplicates for shard in gathered)]
    table = pa.concat_tables(tables, promote_options="permissive")
    plain = [field.name for field in table.schema if not pa.types.is_nested(field.type)]
    return table.sort_by([(name, "ascending") for name in dict.fromkeys((*recipe.key, REASON, *plain))])


def _keep_aside(rejected: pa.Table, path: Path) -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(rejected, sink)
    storage.write_bytes(str(path), sink.getvalue().to_pybytes())


def _manifest(
    recipe: Recipe,
    versions: dict[str, int],
    partitions: Sequence[Partition],
    gathered: Sequence[Gathered],
    rejected: pa.Table,
) -> Manifest:
    splits = {}
    for name in dict.fromkeys(item.split for item in gathered):
        shards = tuple(item.shard for item in gathered if item.split == name)
        splits[name] = Split(rows=sum(shard.rows for shard in shards), shards=shards)
    excluded = sum((part.excluded for part in partitions), Counter[str]())
    quality = {
        "read": sum(part.rows for part in partitions),
        "excluded": dict(sorted(excluded.items())),
        "rejected": dict(sorted(Counter(rejected[REASON].to_pylist()).items())),
    }
    layout = layout_of([*recipe.features, recipe.label])
    return Manifest(
        recipe=recipe.name,
        features=_fitted(recipe, gathered),
        label=recipe.label,
        key=tuple(recipe.key),
        record_bytes=layout.record_bytes if isinstance(layout, FixedLayout) else None,
        splits=splits,
        tables=versions,
        quality=quality,
    )


def _fitted(recipe: Recipe, gathered: Sequence[Gathered]) -> tuple[FittedFeature, ...]:
    train = [item.moments for item in gathered if item.split == "train"]
    return tuple(fit(feature, merge(part[feature.name] for part in train)) for feature in recipe.features)
