"""Stage `transform`: lake -> Dask on Ray -> shards and manifest.

The rows of a dataset are divided into generations (`generations.plan`): those whose commits have not changed since an
earlier transform keep their shards. The others are made in two passes. The first pass (`prepare`) joins and validates
each partition, and writes it to scratch storage, sorted by position (`split.position`). The second pass
(`shard_gather`) gathers a range of positions from all partitions of a generation and writes it as one or more shards.
The content of a shard therefore depends on the rows alone, not on partitions, workers, the order in which tasks end, or
what was made before.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from firelib import storage
from firelib.config import Params, check_split
from firelib.console import note
from firelib.data.dataset_manifest import build_manifest, count_rows
from firelib.data.delta_tables import OpenTables
from firelib.data.extract import ensure_lake
from firelib.data.generations.build import GenerationBuilder
from firelib.data.generations.choose import choose_generations
from firelib.data.generations.job import TransformJob
from firelib.data.generations.record import Record
from firelib.data.generations.shard_store import remove_leftovers
from firelib.data.memory.disk_use import report_disk_use
from firelib.data.parts.part import check_rows_are_conserved
from firelib.data.quality.expectations import check_expectations
from firelib.data.quality.trained_sample import keep_sample, measure_drift_since_training, merge_samples
from firelib.data.row_order import sort_rows
from firelib.data.row_validation import REASON
from firelib.data.scratch import scratch_folder
from firelib.data.split.leakage import report_leakage, sample_limit
from firelib.data.split.leakage_summary import summarize_leakage
from firelib.data.split.report import check_rows, describe_split
from firelib.data.synthetic.scaled_recipe import describe_copies, scale_up
from firelib.data.vocabularies.fitted_features import fit_features, report_cut_words
from firelib.dataset_store import check_dataset_folder, new_dataset
from firelib.project_layout import Paths
from firelib.recipe import Recipe
from firelib.tfrecord.format.manifest import Manifest


def transform(recipe: Recipe, params: Params, paths: Paths, fresh: bool = False) -> Manifest:
    """Make the dataset of a recipe. Ray must be connected.

    Args:
        recipe: Joins the tables and declares the columns.
        params: Versions of the tables, splits and the size of the shards.
        paths: Where the lake, scratch files, shards and the dataset are.
        fresh: Whether to make all shards again. The result is the same, unless something decided it that firelib does
            not know of, such as a file that the recipe reads by itself.

    Returns:
        The manifest, which is published with all shards.

    Raises:
        FirelibError: The lake, the recipe's `transform` or its rows are invalid, a split is empty, or the disk is
            full.
    """
    split = params.data.split
    check_split(split, recipe)
    check_dataset_folder(paths)
    scaled = scale_up(recipe, params.data.scale, split)
    tables = OpenTables(paths.lake)
    lake = ensure_lake(recipe, paths, tables)
    remove_leftovers(paths.shards)
    with scratch_folder(paths.scratch) as scratch, report_disk_use(scratch):
        job = TransformJob(scaled, recipe, params.data, paths, lake, scratch, tables)
        choice = choose_generations(job)
        if choice.reason and any(len(record.commits) > 1 for record in lake.tables.values()):
            note(f"  one generation, which each new version changes: {choice.reason}")
        records = GenerationBuilder(job, choice.generations, fresh).make_records()
        totals = sum((record.counts.splits for record in records), Counter[str]())
        check_rows(records, totals, scaled, split)
        manifest, set_aside = _describe_dataset(job, records, totals.total())
        sample = merge_samples((record.sample for record in records), scaled, totals.total())
        check_expectations(scaled, manifest, measure_drift_since_training(sample, paths))
        check_rows_are_conserved(*count_rows(manifest), f"recipe {recipe.name!r}: firelib transform")
        with new_dataset(paths, manifest) as sha256:
            keep_sample(sample, sha256, paths)
            _write_set_aside(set_aside, paths.set_aside)
    report_cut_words(manifest.features)
    return manifest


def _describe_dataset(job: TransformJob, records: Sequence[Record], rows: int) -> tuple[Manifest, pa.Table]:
    """The manifest, and the rows set aside; print what training has in common with the other splits."""
    limit = sample_limit(rows)
    leakage = report_leakage((found for record in records for found in record.contents.items()), limit)
    for line in summarize_leakage(leakage):
        note(f"  on two sides: {line}")
    set_aside = _collect_set_aside(records, job.recipe)
    described = {**describe_split(job.recipe, job.data.split, leakage), **describe_copies(job.data.scale)}
    shards = [shard for record in records for shard in record.shards]
    counts = [record.counts for record in records]
    features = fit_features(job.recipe, shards, job.paths.records, job.paths.shards, job.scratch)
    return build_manifest(job.recipe, features, job.versions, counts, shards, set_aside, described), set_aside


def _collect_set_aside(records: Sequence[Record], recipe: Recipe) -> pa.Table:
    """All rows set aside, sorted by key and then by the other columns, so that partitions do not affect the order."""
    table = pa.concat_tables([record.set_aside for record in records], promote_options="permissive")
    sortable = [field.name for field in table.schema if not pa.types.is_nested(field.type)]
    return sort_rows(table, [*recipe.key, REASON, *sortable])


def _write_set_aside(rows: pa.Table, path: Path) -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink)
    storage.write_bytes(str(path), sink.getvalue().to_pybytes())
