"""Datasets as batches: NumPy columns, Arrow tables, or a `tf.data.Dataset` in the elastic order."""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

from firelib import storage
from firelib.errors import FirelibError
from firelib.tfrecord.decode import Batch
from firelib.tfrecord.files import REMEDY, ShardFiles
from firelib.tfrecord.layout import numpy_dtype
from firelib.tfrecord.manifest import NAME, Manifest, read_manifest
from firelib.tfrecord.order import EpochOrder, check_rank
from firelib.tfrecord.store import FixedStore
from firelib.tfrecord.windows import RankBatches, Store

if TYPE_CHECKING:
    import tensorflow as tf

_PARALLEL_CHUNKS = 2  # decoded at once, in order; more do not help, since reading is shared
_CHUNK_ROWS = 1 << 16


def open_dataset(uri: str) -> "Dataset":
    """A dataset that firelib wrote.

    Args:
        uri: Its manifest.json, or the folder that holds it.
    """
    return Dataset(storage.absolute(uri))


class Dataset:
    """The splits of one manifest. Opening is cheap; bytes are read when batches are."""

    def __init__(self, uri: str) -> None:
        self.manifest: Manifest = read_manifest(uri)
        self._folder = uri.removesuffix(NAME).rstrip("/")
        self._opened: dict[str, Store] = {}

    def rows(self, split: str) -> int:
        return self.manifest.split(split).rows

    def as_numpy(self, split: str) -> Batch:
        """A whole split in file order: name → array [rows, *shape], the label included; strings are bytes."""
        store = self._store(split)
        chunks = [np.arange(start, min(start + _CHUNK_ROWS, store.rows)) for start in range(0, store.rows, _CHUNK_ROWS)]
        parts = [store.load(rows, 1).take(rows) for rows in chunks] or [self._blank(0)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

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
        load = _in_graph(lambda chunk: self._flat(batches, chunk, size), self._signature(size))
        dataset = tf.data.Dataset.from_tensor_slices(batches.chunks(start_step))
        dataset = dataset.map(load, num_parallel_calls=_PARALLEL_CHUNKS, deterministic=True).unbatch()
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(max(0, order.steps - start_step)))
        return dataset.prefetch(2)

    def verify(self) -> None:
        """Check every shard's size and hash and every record's CRC; the first damaged one is named."""
        for split, content in self.manifest.splits.items():
            store = self._store(split)
            for start in range(0, store.rows, _CHUNK_ROWS):
                store.load(np.arange(start, min(start + _CHUNK_ROWS, store.rows)), 1)
            for index, shard in enumerate(content.shards):
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
            files = ShardFiles(self._folder, self.manifest.split(split).shards)
            self._opened[split] = FixedStore(files, self._layout)
        return self._opened[split]

    def _flat(self, batches: RankBatches, chunk: Any, size: int | None) -> list[Any]:
        """Features, label and, if batches are padded to `size`, weights of the steps of a chunk: [steps, rows, …]."""
        first, stop = chunk.tolist()
        columns = batches.columns(first, stop) or self._blank(0)
        label = columns.pop(self.manifest.label.name)
        flat = [column.reshape(stop - first, -1, *column.shape[1:]) for column in (*columns.values(), label)]
        if size is None:
            return flat
        weight = 1 / len(batches.order.batch(first))
        return [_padded(column, size) for column in (*flat, np.full(flat[-1].shape, weight, np.float32))]

    def _blank(self, rows: int) -> Batch:
        features = [slot.feature for slot in self._layout.slots]
        return {feature.name: np.zeros((rows, *feature.shape), numpy_dtype(feature)) for feature in features}

    @cached_property
    def _layout(self) -> Any:
        return self.manifest.layout

    def _signature(self, rows: int | None) -> Any:
        """Specs of (features, label), and of weights if batches have a fixed number of rows."""
        import tensorflow as tf

        def spec(slot: Any) -> Any:
            dtype = numpy_dtype(slot.feature)
            return tf.TensorSpec((rows, *slot.feature.shape), tf.string if dtype.kind == "S" else dtype)

        specs = {slot.feature.name: spec(slot) for slot in self._layout.slots}
        label = specs.pop(self.manifest.label.name)
        return (specs, label) if rows is None else (specs, label, tf.TensorSpec((rows,), tf.float32))


def _in_graph(load: Callable[[Any], list[Any]], signature: Any) -> Callable[[Any], Any]:
    """A function for `tf.data.Dataset.map` that calls Python for a chunk's arrays and gives them names and shapes."""
    import tensorflow as tf

    # Not tf.nest, which would order the features by name.
    features, *rest = signature
    specs = [*features.values(), *rest]

    def in_graph(chunk: Any) -> Any:
        tensors = tf.numpy_function(load, [chunk], [spec.dtype for spec in specs], stateful=False)
        for tensor, spec in zip(tensors, specs, strict=True):
            tensor.set_shape((None, *spec.shape))
        named = dict(zip(features, tensors, strict=False))
        return (named, *tensors[len(features) :])

    return in_graph


def _padded(column: Any, size: int) -> Any:
    missing = size - column.shape[1]
    if not missing:
        return column
    padding = np.zeros((column.shape[0], missing, *column.shape[2:]), column.dtype)
    return np.concatenate([column, padding], axis=1)
