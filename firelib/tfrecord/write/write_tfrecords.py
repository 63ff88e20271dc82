"""`firelib.write_tfrecords`: tables of any kind to a dataset that firelib, TensorFlow and Ray Data read."""

from collections.abc import Mapping, Sequence
from typing import Any

from firelib.errors import FirelibError
from firelib.recipe import Feature, FittedFeature
from firelib.tfrecord.format.fixed_layout import FixedLayout, check_features
from firelib.tfrecord.format.manifest import Manifest, Shard, Split
from firelib.tfrecord.write.partition_writer import Form, write_partition
from firelib.tfrecord.write.shard_file import Compression
from firelib.tfrecord.write.shard_writer import layout_of, shard_name
from firelib.tfrecord.write.staging import publish
from firelib.tfrecord.write.table_inputs import is_columns, partitions


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
) -> Manifest:
    """Write a dataset: shards, then the manifest. A reader sees all of it or nothing.

    Rows keep their order. Each partition of a Dask dataframe is written by a task of its own, in parallel, under
    whatever scheduler is active (Dask on Ray, if enabled); everything else is streamed through this process.

    Args:
        data: A Dask dataframe, a pandas one, an Arrow table, reader or iterable of tables or batches, a Ray dataset, a
            mapping of column → NumPy array; or a mapping of split → any of these. Without splits, all is `train`.
        uri: The dataset's folder, here or remote (`gs://…`, `s3://…`).
        features: What a record holds.
        label: What a model is to predict; a feature like the others, kept apart when batches are read.
        key: Columns that identify a row, noted in the manifest.
        shard_mib: Size of a shard, in MiB before compression. Few large ones read best.
        compression: `gzip`, or none. Compressed shards are unpacked into a local cache before they are read.
        overwrite: Replace a dataset that is there.

    Returns:
        The manifest, as written.

    Raises:
        FirelibError: A column is missing or holds a value that its feature does not allow; there is a dataset already;
            the folder holds other things.
    """
    form = _form([*features, *([label] if label else [])], shard_mib, compression)
    splits = data if isinstance(data, Mapping) and not is_columns(data) else {"train": data}
    with publish(uri, overwrite) as target:
        written = {name: _write_split(part, f"{target.folder}/{name}", form) for name, part in splits.items()}
        target.take_down()
        manifest = Manifest(
            recipe="",
            features=tuple(FittedFeature(feature) for feature in features),
            label=label,
            key=tuple(key),
            record_bytes=form.layout.record_bytes if isinstance(form.layout, FixedLayout) else None,
            compression=compression,
            splits={name: _named(shards, name, target.rename, compression) for name, shards in written.items()},
            tables={},
            quality={},
        )
        target.finish(manifest)
    return manifest


def _form(columns: Sequence[Feature], shard_mib: float, compression: Compression) -> Form:
    check_features(columns)
    if not shard_mib > 0:
        raise FirelibError(f"shard_mib is {shard_mib}", remedy="a positive number of MiB")
    return Form(columns, layout_of(columns), int(shard_mib * 2**20), compression)


def _write_split(data: Any, prefix: str, form: Form) -> list[Shard]:
    """Write all partitions of a split under provisional names."""
    parts, run = partitions(data)
    jobs = [(part, f"{prefix}.{index:05d}", form) for index, part in enumerate(parts)]
    return [shard for shards in run(write_partition, jobs) for shard in shards]


def _named(shards: Sequence[Shard], split: str, rename: Any, compression: Compression) -> Split:
    """Give shards their final names, now that their number is known; empty ones stay only where all are."""
    kept = [shard for shard in shards if shard.rows] or list(shards[:1])
    named = []
    for index, shard in enumerate(kept):
        name = shard_name(split, index, len(kept), compression)
        rename(shard, name)
        named.append(shard.model_copy(update={"name": name}))
    return Split(rows=sum(shard.rows for shard in named), shards=tuple(named))
