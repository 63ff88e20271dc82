"""Datasets as batches: NumPy columns, Arrow tables, or a `tf.data.Dataset` in the elastic order."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

from firelib import storage
from firelib.errors import FirelibError
from firelib.recipe import Feature
from firelib.tfrecord.batches import blank, concatenated, dense, ragged, to_arrow, to_numpy
from firelib.tfrecord.canonical_store import CanonicalStore
from firelib.tfrecord.decode import Batch
from firelib.tfrecord.files import REMEDY, ShardFiles
from firelib.tfrecord.foreign import ForeignFiles, foreign_manifest, is_foreign
from firelib.tfrecord.layout import numpy_dtype
from firelib.tfrecord.manifest import NAME, Manifest, read_manifest
from firelib.tfrecord.order import EpochOrder, check_rank
from firelib.tfrecord.store import FixedStore
from firelib.tfrecord.windows import RankBatches, Store

if TYPE_CHECKING:
    import tensorflow as tf

_PARALLEL_CHUNKS = 2  # decoded at once, in order; more do not help, since reading is shared
_CHUNK_ROWS = 1 << 16


def open_dataset(uri: str, *, features: Sequence[Feature] | None = None, label: str | None = None) -> "Dataset":
    """A dataset that firelib wrote, or TFRecords of another writer.

    Args:
        uri: Its manifest.json, or the folder that holds it; or a TFRecord file, or a folder of such files.
        features: What records of another writer hold; without it, that is inferred from the first ones.
        label: Which of their features is the label.
    """
    uri = storage.absolute(uri)
    if is_foreign(uri):
        folder, manifest = foreign_manifest(uri, features, label)
        return Dataset(folder, manifest)
    if features is not None or label is not None:
        raise FirelibError("its manifest names features and label", where=uri, remedy="drop features= and label=")
    return Dataset(uri)


class Dataset:
    """The splits of one manifest. Opening is cheap; bytes are read when batches are."""

    def __init__(self, uri: str, manifest: Manifest | None = None) -> None:
        self.manifest: Manifest = manifest or read_manifest(uri)
        self._foreign = manifest is not None
        self._folder = uri.removesuffix(NAME).rstrip("/")
        self._opened: dict[str, Store] = {}

    def rows(self, split: str) -> int:
        return self.manifest.split(split).rows

    def as_numpy(self, split: str) -> Batch:
        """A whole split in file order: name → array [rows, *shape], the label included.

        Strings are bytes. Features without a fixed size are arrays of objects: bytes, lists, None.
        """
        return to_numpy(self._whole(split))

    def as_arrow(self, split: str) -> Any:
        """A whole split in file order as a `pyarrow.Table`; arrays of more than one dimension are flat lists."""
        return to_arrow(self._whole(split), self.manifest.columns)

    def _whole(self, split: str) -> Batch:
        store = self._store(split)
        parts = [store.load(rows, 1).take(rows) for rows in _chunks(store.rows)]
        return concatenated(parts or [blank(self.manifest.columns)])

    def as_tf(
        self,
        batch_size: int,
        split: str = "train",
        *,
        world_size: int = 1,
        rank: int = 0,
        seed: int | None = None,
        epoch: int = 0,
        start_step: int = 0,
        pad_last: bool = False,
    ) -> "tf.data.Dataset":
        """Batches of one epoch as a `tf.data.Dataset` of (features, label).

        Args:
            batch_size: Rows in a global batch; a rank gets its share of each.
            split: Which split.
            world_size: Number of ranks.
            rank: This rank.
            seed: Seed of the order; None keeps the order of the files.
            epoch: Which epoch's order.
            start_step: First global batch (to resume inside an epoch).
            pad_last: Make every batch equally long and add a third element, weights: 1 / (rows in the
                global batch) for a row, 0 for padding. Summed over all ranks, a batch's weights are 1.
        """
        import tensorflow as tf

        order = EpochOrder(self.rows(split), batch_size, seed, epoch, self.manifest.split(split).block_rows)
        check_rank(rank, world_size)
        if start_step < 0:
            raise FirelibError(f"start_step is {start_step}", remedy="steps are counted from 0")
        batches = RankBatches(self._store(split), order, rank, world_size)
        size = order.share_size(world_size) if pad_last else None
        columns = Columns(self.manifest)
        load = _in_graph(lambda chunk: columns.flat(batches, chunk, size), columns, size)
        dataset = tf.data.Dataset.from_tensor_slices(batches.chunks(start_step, columns.steps_together))
        dataset = dataset.map(load, num_parallel_calls=_PARALLEL_CHUNKS, deterministic=True)
        if columns.steps_together:
            dataset = dataset.unbatch()
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(max(0, order.steps - start_step)))
        return dataset.prefetch(2)

    def verify(self) -> None:
        """Check every shard's size and hash and every record's CRC; the first damaged one is named."""
        for split, content in self.manifest.splits.items():
            store = self._store(split)
            for rows in _chunks(store.rows):
                store.load(rows, 1)
            for index, shard in enumerate(() if self._foreign else content.shards):
                self._verify_hash(ShardFiles(self._folder, content.shards), index, shard.xxh128)

    def _verify_hash(self, files: ShardFiles, index: int, expected: str) -> None:
        digest = xxhash.xxh3_128()
        with files.local_path(index).open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        if digest.hexdigest() != expected:
            name = files.shards[index].name
            raise FirelibError(
                f"shard {name} is not the one in its manifest: its hash differs", where=files.uri(index), remedy=REMEDY
            )

    def _store(self, split: str) -> Store:
        if split not in self._opened:
            manifest = self.manifest
            kind = ForeignFiles if self._foreign else ShardFiles
            files = kind(self._folder, manifest.split(split).shards, bool(manifest.compression))
            layout = None if self._foreign else manifest.layout
            self._opened[split] = FixedStore(files, layout) if layout else CanonicalStore(files, manifest.columns)
        return self._opened[split]


class Columns:
    """How a dataset's columns become tensors.

    Attributes:
        features: The features.
        label: The label, if there is one.
        steps_together: Whether a call may give several batches: lists of any length come one batch a call.
    """

    def __init__(self, manifest: Manifest) -> None:
        self.features = [fitted.feature for fitted in manifest.features]
        self.label = manifest.label
        self.all = manifest.columns
        self.steps_together = not any(feature.ragged for feature in self.all)

    def flat(self, batches: RankBatches, chunk: Any, size: int | None) -> list[Any]:
        """Features, label and, if batches are padded to `size`, weights of the steps of a chunk.

        Returns:
            Arrays [steps, rows, …]; for a list of any length, all its values and where each row begins.
        """
        first, stop = chunk.tolist()
        columns = batches.columns(first, stop) or blank(self.all)
        weight = 1 / len(batches.order.batch(first))
        flat: list[Any] = []
        for feature in self.all:
            column = columns[feature.name]
            if feature.ragged:
                flat += _padded_lists(*ragged(column, feature), size)
            else:
                rows = dense(column, feature)
                flat.append(_padded(rows.reshape(stop - first, len(rows) // (stop - first), *rows.shape[1:]), size))
        if size is not None:
            rows = len(next(iter(columns.values()))) // (stop - first)
            flat.append(_padded(np.full((stop - first, rows), weight, np.float32), size))
        return flat

    def specs(self, rows: int | None) -> list[Any]:
        """One spec a column, and one for weights if batches have a fixed number of rows."""
        import tensorflow as tf

        specs = [_spec(feature, rows) for feature in self.all]
        return specs if rows is None else [*specs, tf.TensorSpec((rows,), tf.float32)]

    def named(self, tensors: list[Any]) -> Any:
        """(features, label, weights) from tensors in the order of the specs; no label, no such element."""
        count = len(self.features)
        named = {feature.name: tensor for feature, tensor in zip(self.features, tensors, strict=False)}
        rest = tensors[count:]
        return (named, *rest) if rest else named


def _in_graph(load: Callable[[Any], list[Any]], columns: Columns, size: int | None) -> Callable[[Any], Any]:
    """A function for `tf.data.Dataset.map` that calls Python for a chunk's arrays and gives them names and shapes."""
    import tensorflow as tf

    specs = columns.specs(size)
    dtypes = [dtype for spec in specs for dtype in _dtypes(spec)]

    def in_graph(chunk: Any) -> Any:
        flat = iter(tf.numpy_function(load, [chunk], dtypes, stateful=False))
        tensors = []
        for spec in specs:
            if isinstance(spec, tf.RaggedTensorSpec):
                tensors.append(_ragged_tensor(next(flat), next(flat), size))
                continue
            tensor = next(flat)
            tensor.set_shape((None, *spec.shape))
            tensors.append(tensor if columns.steps_together else tensor[0])
        return columns.named(tensors)

    return in_graph


def _dtypes(spec: Any) -> list[Any]:
    import tensorflow as tf

    return [spec.dtype, tf.int64] if isinstance(spec, tf.RaggedTensorSpec) else [spec.dtype]


def _ragged_tensor(values: Any, splits: Any, size: int | None) -> Any:
    import tensorflow as tf

    values.set_shape((None,))
    splits.set_shape((None if size is None else size + 1,))
    return tf.RaggedTensor.from_row_splits(values, splits, validate=False)


def _spec(feature: Feature, rows: int | None) -> Any:
    import tensorflow as tf

    dtype = numpy_dtype(feature)
    kind = tf.string if dtype.kind in "SO" else dtype
    if feature.ragged:
        return tf.RaggedTensorSpec((rows, None), kind)
    return tf.TensorSpec((rows, *feature.shape), kind)


def _padded(column: Any, size: int | None) -> Any:
    missing = 0 if size is None else size - column.shape[1]
    if not missing:
        return column
    fill: Any = b"" if column.dtype.kind in "SO" else 0
    return np.concatenate([column, np.full((column.shape[0], missing, *column.shape[2:]), fill, column.dtype)], axis=1)


def _padded_lists(values: Any, splits: Any, size: int | None) -> list[Any]:
    missing = 0 if size is None else size + 1 - len(splits)
    return [values, np.concatenate([splits, np.full(missing, splits[-1])])]


def _chunks(rows: int) -> list[Any]:
    return [np.arange(start, min(start + _CHUNK_ROWS, rows)) for start in range(0, rows, _CHUNK_ROWS)]
