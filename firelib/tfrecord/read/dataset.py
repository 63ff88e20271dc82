"""Datasets as batches: NumPy columns, Arrow tables, or a `tf.data.Dataset` in the elastic order."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from firelib import storage
from firelib.errors import FirelibError
from firelib.recipe import Feature
from firelib.tfrecord.format.column_conversion import blank, concatenated, to_arrow, to_numpy
from firelib.tfrecord.format.fixed_decoder import Batch
from firelib.tfrecord.format.fixed_layout import numpy_dtype
from firelib.tfrecord.format.manifest import NAME, Manifest, read_manifest
from firelib.tfrecord.read.canonical_store import CanonicalStore
from firelib.tfrecord.read.epoch_order import EpochOrder, check_rank
from firelib.tfrecord.read.external_records import ForeignFiles, foreign_manifest, is_foreign
from firelib.tfrecord.read.fixed_store import FixedStore
from firelib.tfrecord.read.packing import Packing
from firelib.tfrecord.read.shard_files import ShardFiles
from firelib.tfrecord.read.window_loader import RankBatches, Store

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
        parts = [_loaded(store, start, stop) for start, stop in _chunks(store.rows)]
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
        packed: bool = False,
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
            packed: Columns of one dtype and shape stay in one tensor, for `unpack` to take apart: a few tensors
                pass into a compiled function in half the time of many.
        """
        import tensorflow as tf

        order = EpochOrder(self.rows(split), batch_size, seed, epoch, self.manifest.split(split).block_rows)
        check_rank(rank, world_size)
        if start_step < 0:
            raise FirelibError(f"start_step is {start_step}", remedy="steps are counted from 0")
        batches = RankBatches(self._store(split), order, rank, world_size)
        size = order.share_size(world_size) if pad_last else None
        tensors = Tensors(self.manifest, size)
        chunks = batches.chunks(start_step, tensors.packing.chunk_rows(self.manifest.split(split).row_bytes))
        dataset = tf.data.Dataset.from_tensor_slices(chunks)
        dataset = dataset.map(tensors.load(batches), num_parallel_calls=_PARALLEL_CHUNKS, deterministic=True)
        dataset = dataset.unbatch() if packed else dataset.unbatch().map(tensors.named)
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(max(0, order.steps - start_step)))
        return dataset.prefetch(2)

    def unpack(self, *tensors: Any) -> Any:
        """(features, label, weights) of a packed batch: what `as_tf` gives without `packed`."""
        return Tensors(self.manifest, None).named(*tensors)

    def verify(self) -> None:
        """Check every shard's size and hash and every record's CRC; the first damaged one is named."""
        for split, content in self.manifest.splits.items():
            store = self._store(split)
            for start, stop in _chunks(store.rows):
                store.load(np.array([start]), np.array([stop]))
            files = ShardFiles(self._folder, content.shards)
            for index in range(0 if self._foreign else len(content.shards)):
                files.verify_hash(index)

    def _store(self, split: str) -> Store:
        if split not in self._opened:
            manifest = self.manifest
            kind = ForeignFiles if self._foreign else ShardFiles
            files = kind(self._folder, manifest.split(split).shards, bool(manifest.compression))
            files.check()
            layout = None if self._foreign else manifest.layout
            self._opened[split] = FixedStore(files, layout) if layout else CanonicalStore(files, manifest.columns)
        return self._opened[split]


class Tensors:
    """How packed batches become named tensors.

    Attributes:
        packing: How batches come.
    """

    def __init__(self, manifest: Manifest, size: int | None) -> None:
        self._features = [fitted.feature.name for fitted in manifest.features]
        self._label = manifest.label.name if manifest.label else None
        self._size = size
        self.packing = Packing(manifest.columns)

    def load(self, batches: RankBatches) -> Callable[[Any], Any]:
        """A function for `tf.data.Dataset.map`: a chunk's steps, [first, stop], to tensors [steps, …]."""
        import tensorflow as tf

        packing, size = self.packing, self._size
        lists = [dtype for feature in packing.lists for dtype in (_tf_dtype(numpy_dtype(feature)), tf.int64)]
        dtypes = [
            *(_tf_dtype(group.dtype) for group in packing.dense),
            *([tf.string] if packing.strings else []),
            *lists,
            *([] if size is None else [tf.float32]),
        ]

        def load(chunk: Any) -> Any:
            def pack(steps: Any) -> list[Any]:
                first, stop = steps.tolist()
                return packing.pack(batches, first, stop, size)

            return self._shaped(iter(tf.numpy_function(pack, [chunk], dtypes, stateful=False)))

        return load

    def _shaped(self, flat: Iterator[Any]) -> tuple[Any, ...]:
        """Give packed tensors their static shapes, all [steps, …]."""
        import tensorflow as tf

        tensors = [
            tf.ensure_shape(next(flat), (None, len(group.names), self._size, *group.shape))
            for group in self.packing.dense
        ]
        if self.packing.strings:
            strings = tf.io.parse_tensor(next(flat), tf.string)
            tensors.append(tf.ensure_shape(strings, (None, len(self.packing.strings), self._size)))
        for _ in self.packing.lists:
            values, splits = next(flat), next(flat)
            values.set_shape((None,))
            splits.set_shape((None if self._size is None else self._size + 1,))
            rows = tf.RaggedTensor.from_row_splits(values, splits, validate=False)
            tensors.append(tf.expand_dims(rows, 0))
        if self._size is not None:
            tensors.append(tf.ensure_shape(next(flat), (None, self._size)))
        return tuple(tensors)

    def named(self, *tensors: Any) -> Any:
        """One step's (features, label, weights); no label, or no padding, no such element."""
        import tensorflow as tf

        left = iter(tensors)
        columns: dict[str, Any] = {}
        for group in self.packing.dense:
            columns.update(zip(group.names, tf.unstack(next(left)), strict=True))
        if self.packing.strings:
            columns.update(zip(self.packing.strings, tf.unstack(next(left)), strict=True))
        for feature in self.packing.lists:
            columns[feature.name] = next(left)
        features = {name: columns[name] for name in self._features}
        label = [columns[self._label]] if self._label else []
        rest = [*label, *left]
        return (features, *rest) if rest else features


def _tf_dtype(dtype: np.dtype[np.generic]) -> Any:
    import tensorflow as tf

    return tf.string if dtype.kind in "SO" else tf.as_dtype(dtype)


def _loaded(store: Store, start: int, stop: int) -> Batch:
    return store.load(np.array([start]), np.array([stop])).take(np.arange(stop - start)[None], {})


def _chunks(rows: int) -> list[tuple[int, int]]:
    return [(start, min(start + _CHUNK_ROWS, rows)) for start in range(0, rows, _CHUNK_ROWS)]
