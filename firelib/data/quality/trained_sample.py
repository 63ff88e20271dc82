"""Drift of the features since the kept model was trained, from a sample of each dataset.

A sample is kept below the storage root under the hash of the dataset's manifest, which the lineage of a model names. So
the data that a model was trained on are compared without being read again, also after their source was replaced. The
rows are those with the smallest hashes, which the first pass has written to the beginning of its files.

Each generation has a sample of its own, in its record. A generation has no more rows than the dataset, so the limit of
its hashes is not below that of the dataset: what is below the latter in all of them together is the dataset's sample,
whether generations were made or read.
"""

import io
from collections.abc import Iterable, Sequence
from typing import Any

import dask
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from firelib import storage
from firelib.console import note
from firelib.data.shuffle.sorted_files import SortedFile, read_sorted
from firelib.data.split.position import HASH, HashRange, key_bits
from firelib.data.versions.drift import measure_drift
from firelib.data.versions.feature_sample import reduce_features, sample_limit
from firelib.project_layout import Paths
from firelib.recipe import Recipe, find_split_rule

_FILES = 16  # that a task reads


def limits_drift(recipe: Recipe) -> bool:
    """Whether a recipe limits the drift of a feature or of the label."""
    return any(expectation.psi is not None for expectation in recipe.expectations)


def plan_sample(files: Sequence[SortedFile], recipe: Recipe, rows: int) -> list[Any]:
    """Tasks that read the sample of a generation, if the recipe limits drift; none otherwise.

    Args:
        files: What the first pass wrote.
        recipe: Declares features and label.
        rows: Number of rows of the generation.

    Returns:
        Delayed calls whose results are tables (`read_sample`), of about 100,000 rows together.
    """
    if not limits_drift(recipe):
        return []
    groups = [files[start : start + _FILES] for start in range(0, len(files), _FILES)]
    read = dask.delayed(read_sample, pure=False)
    return [read(group, recipe, sample_limit(rows)) for group in groups]


def merge_samples(samples: Iterable[pa.Table | None], recipe: Recipe, rows: int) -> pa.Table | None:
    """The sample of a dataset, from those of its generations.

    Args:
        samples: The sample of each generation.
        recipe: Selects what decides the split.
        rows: Number of rows of the dataset.

    Returns:
        One value for each feature and the label (`to_values`) of about 100,000 rows; None without limits for drift.
    """
    kept = [
        each.drop_columns([HASH]) for sample in samples if (each := narrow_sample(sample, recipe, rows)) is not None
    ]
    return pa.concat_tables(kept) if kept else None


def narrow_sample(sample: pa.Table | None, recipe: Recipe, rows: int) -> pa.Table | None:
    """The part of a generation's sample that belongs to the sample of its dataset.

    Args:
        sample: The sample of a generation.
        recipe: Selects what decides the split.
        rows: Number of rows of the dataset; with fewer, the part is larger.
    """
    last = _find_last(recipe, sample_limit(rows))
    return None if sample is None else sample.filter(pc.less_equal(sample[HASH], last))


def _find_last(recipe: Recipe, limit: int) -> pa.Scalar:
    """The last position in a part of the positions that keys with hashes below a limit have."""
    return pa.scalar((limit >> 64 - key_bits(find_split_rule(recipe))) - 1, pa.uint64())


def sampled_positions(recipe: Recipe, limit: int) -> list[HashRange]:
    """The positions of keys with hashes below a limit: the first ones of each part of the positions.

    Args:
        recipe: Selects what decides the split, and so the parts.
        limit: The limit.
    """
    bits = key_bits(find_split_rule(recipe))
    return [HashRange(part << bits, (part << bits) + (limit >> 64 - bits)) for part in range(1 << 64 - bits)]


def read_sample(files: Sequence[SortedFile], recipe: Recipe, limit: int) -> pa.Table:
    """The rows of some files with hashes below a limit, one value for each feature and the label.

    Args:
        files: What the first pass wrote.
        recipe: Declares features and label.
        limit: The limit.

    Returns:
        The values, and in column `HASH` the position of each row in its part.
    """
    samples = []
    for positions in sampled_positions(recipe, limit):
        parts = [blocks for file in files if (blocks := file.select(positions))]
        rows = read_sorted(parts or [files[0].blocks.select(0, 0)])
        found = rows[HASH].to_numpy()
        inside = (found >= np.uint64(positions.low)) & (found <= np.uint64(positions.high - 1))
        offsets = pa.array(found[inside] - np.uint64(positions.low))
        samples.append(reduce_features(rows.filter(pa.array(inside)), recipe).append_column(HASH, offsets))
    return pa.concat_tables(samples)


def keep_sample(sample: pa.Table | None, manifest: str, paths: Paths) -> None:
    """Keep the sample of a dataset for later transforms.

    Args:
        sample: What `merge_samples` returned.
        manifest: Hash of the dataset's manifest.
        paths: Where the storage root is.
    """
    if sample is not None:
        sink = io.BytesIO()
        pq.write_table(sample, sink, compression="zstd")
        storage.write_bytes(_locate(manifest, paths), sink.getvalue())


def measure_drift_since_training(sample: pa.Table | None, paths: Paths) -> dict[str, float]:
    """How far each feature has moved since the kept model was trained.

    Args:
        sample: What `merge_samples` returned.
        paths: Where the model and the storage root are.

    Returns:
        Feature or label → PSI; empty if there is no model, or no sample of its data, which a note says.
    """
    if sample is None:
        return {}
    trained = _read_trained(paths)
    if trained is None:
        return {}
    before = {field.name: field.type for field in trained.schema}
    known = [field.name for field in sample.schema if before.get(field.name) == field.type]
    if new := [name for name in sample.column_names if name not in known]:
        note(f"note: drift is not checked of {', '.join(new)}: the data of the model lack them, or had another type")
    return {name: measure_drift(name, trained[name], sample[name]).psi for name in known}


def _read_trained(paths: Paths) -> pa.Table | None:
    lineage = paths.model / "lineage.json"
    if not lineage.is_file():
        note(f"note: drift is not checked, because {paths.model} has no model")
        return None
    manifest = storage.read_json(str(lineage)).get("data", {}).get("manifest_sha256")
    uri = _locate(manifest, paths)
    if not storage.exists(uri):
        note(f"note: drift is not checked, because there is no sample of the data of {paths.model} ({uri})")
        return None
    return pq.read_table(io.BytesIO(storage.read_bytes(uri)))


def _locate(manifest: str, paths: Paths) -> str:
    return storage.join(paths.root, "samples", paths.recipe, f"{manifest}.parquet")
