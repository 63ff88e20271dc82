"""`firelib.write_tfrecords`: write tables as a dataset that firelib, TensorFlow and Ray Data can read."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from firelib.errors import FirelibError
from firelib.recipe import Feature, FittedFeature
from firelib.tfrecord.format.fixed_layout import FixedLayout, validate_features
from firelib.tfrecord.format.manifest import Manifest, Shard, Split
from firelib.tfrecord.write.partition_writer import ShardFormat, WrittenPartition, write_partition
from firelib.tfrecord.write.shard_file import Compression
from firelib.tfrecord.write.shard_writer import choose_layout, shard_name
from firelib.tfrecord.write.staging import stage_dataset
from firelib.tfrecord.write.statistics import fit_feature, merge_moments
from firelib.tfrecord.write.table_inputs import is_columns, split_partitions
from firelib.tfrecord.write.vocabulary import store_vocabularies

#: The split that statistics describe.
_FITTED_SPLIT = "train"


def write_tfrecords(
    data: Any,
    uri: str,
    features: Sequence[Feature],
    *,
    label: Feature | None = None,
    key: Sequence[str] = (),
    shard_mib: float = 128,
    compression: Compression = None,
    overwrite: bool = False,
    statistics: bool = False,
) -> Manifest:
    """Write a dataset: the shards, then the manifest. Readers see the whole dataset or none.

    Rows keep their order. Each partition of a Dask dataframe is a task of its own; tasks run in parallel on the active
    Dask scheduler (for example Dask on Ray). All other inputs are streamed through this process.

    Args:
        data: The rows: a Dask or pandas dataframe, an Arrow table, a reader or an iterable of tables or batches, a Ray
            dataset, or a mapping of column → NumPy array. A mapping of split → any of these writes several splits;
            otherwise all rows belong to split `train`.
        uri: The dataset's folder, local or remote (`gs://…`, `s3://…`).
        features: The features of a record, without the label.
        label: The feature to predict; readers return it apart from the others.
        key: Columns that identify a row; the manifest records them.
        shard_mib: Size of a shard in MiB, before compression. A few large shards read fastest.
        compression: `gzip`, or None. Readers decompress shards into a local cache first.
        overwrite: Whether to replace an existing dataset.
        statistics: Whether to compute the statistics of the features on split `train`, as `firelib transform` does:
            count, missing values, mean, standard deviation, bounds, vocabulary. Models that normalise their inputs
            need them. Writing takes several times as long.

    Returns:
        The manifest that was written.

    Raises:
        FirelibError: A column is missing or holds a value that its feature does not allow; the folder holds a dataset
            and `overwrite` is not set; or the folder holds files that no manifest of firelib lists (they are never
            replaced).

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from firelib import Feature, open_dataset, write_tfrecords
        >>> rows = {"distance": np.float32([1.5, 2.5, 3.5]), "late": [0, 1, 0]}
        >>> features, label = [Feature("distance", "float32")], Feature("late", "int64", range=(0, 1))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     manifest = write_tfrecords(rows, f"{folder}/data", features, label=label)
        ...     columns = open_dataset(f"{folder}/data").as_numpy("train")
        >>> manifest.split("train").rows
        3
        >>> columns["late"].tolist()
        [0, 1, 0]
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     manifest = write_tfrecords(rows, f"{folder}/data", features, label=label, statistics=True)
        >>> manifest.fitted["distance"].mean
        2.5
    """
    shard_format = _shard_format([*features, *([label] if label else [])], shard_mib, compression)
    splits = data if isinstance(data, Mapping) and not is_columns(data) else {"train": data}
    _check_statistics(statistics, splits)
    with stage_dataset(uri, overwrite) as staged:
        provisional: dict[str, str] = {}
        fitted, named = [FittedFeature(feature) for feature in features], {}
        for name, part in splits.items():
            is_fitted = statistics and name == _FITTED_SPLIT
            form = replace(shard_format, fitted=features if is_fitted else ())
            written = _write_split(part, f"{staged.folder}/{name}", form)
            fitted = _fit(features, written) if is_fitted else fitted
            shards = [shard for each in written for shard in each.shards]
            named[name] = _name_shards(shards, name, provisional, compression)
        fitted = store_vocabularies(fitted, staged.folder)
        manifest = _build_manifest(fitted, label, key, shard_format, named)
        staged.publish(manifest, provisional)
    return manifest


def _check_statistics(statistics: bool, splits: Mapping[str, Any]) -> None:
    if statistics and _FITTED_SPLIT not in splits:
        raise FirelibError(
            f"statistics are those of split {_FITTED_SPLIT!r}, got splits {', '.join(splits)}",
            where="write_tfrecords",
            remedy=f"name a split {_FITTED_SPLIT!r}, or leave statistics out",
        )


def _fit(features: Sequence[Feature], written: Sequence[WrittenPartition]) -> list[FittedFeature]:
    return [fit_feature(each, merge_moments(part.moments[each.name] for part in written)) for each in features]


def _build_manifest(
    features: Sequence[FittedFeature],
    label: Feature | None,
    key: Sequence[str],
    shard_format: ShardFormat,
    splits: dict[str, Split],
) -> Manifest:
    """Describe a dataset that belongs to no recipe: it has no source tables or excluded rows."""
    layout = shard_format.layout
    return Manifest(
        recipe="",
        features=tuple(features),
        label=label,
        key=tuple(key),
        record_bytes=layout.record_bytes if isinstance(layout, FixedLayout) else None,
        compression=shard_format.compression,
        splits=splits,
        tables={},
        quality={},
    )


def _shard_format(columns: Sequence[Feature], shard_mib: float, compression: Compression) -> ShardFormat:
    validate_features(columns)
    if not shard_mib > 0:
        raise FirelibError(
            f"expected a positive shard_mib, got {shard_mib}", where="write_tfrecords", remedy="pass shard_mib=128"
        )
    return ShardFormat(columns, choose_layout(columns), int(shard_mib * 2**20), compression)


def _write_split(data: Any, prefix: str, shard_format: ShardFormat) -> list[WrittenPartition]:
    """Write all partitions of a split under provisional names."""
    parts, run = split_partitions(data)
    jobs = [(part, f"{prefix}.{index:05d}", shard_format) for index, part in enumerate(parts)]
    return list(run(write_partition, jobs))


def _name_shards(shards: Sequence[Shard], split: str, provisional: dict[str, str], compression: Compression) -> Split:
    """Choose the final names, which contain the number of shards; empty shards are dropped unless all are empty.

    Args:
        shards: The shards of a split, under their provisional names.
        split: Name of the split.
        provisional: Receives final name → provisional name.
        compression: Compression of the files.
    """
    kept = [shard for shard in shards if shard.rows] or list(shards[:1])
    names = [shard_name(split, index, len(kept), compression) for index in range(len(kept))]
    provisional.update(zip(names, (shard.name for shard in kept), strict=True))
    named = [shard.model_copy(update={"name": name}) for shard, name in zip(kept, names, strict=True)]
    return Split(rows=sum(shard.rows for shard in named), shards=tuple(named))
