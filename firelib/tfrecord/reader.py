"""Datasets as batches: NumPy columns, or a `tf.data.Dataset` in the elastic order."""

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

import fsspec
import numpy as np
import numpy.typing as npt
import xxhash

from firelib import storage
from firelib.errors import FirelibError
from firelib.tfrecord.decode import decode
from firelib.tfrecord.framing import framed_bytes, unframed, verify
from firelib.tfrecord.layout import numpy_dtype
from firelib.tfrecord.manifest import NAME, Manifest, Shard, read_manifest
from firelib.tfrecord.order import EpochOrder, check_rank

if TYPE_CHECKING:
    import tensorflow as tf

Batch = dict[str, npt.NDArray[np.generic]]


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

    def rows(self, split: str) -> int:
        return self.manifest.split(split).rows

    def as_numpy(self, split: str) -> Batch:
        """A whole split in file order: name → array [rows, *shape], the label included; strings are bytes."""
        return self._take(split, np.arange(self.rows(split), dtype=np.int64))

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

        order = EpochOrder(self.rows(split), batch_size, seed, epoch)
        check_rank(rank, world_size)
        if start_step < 0:
            raise FirelibError(f"start_step is {start_step}", remedy="steps are counted from 0")

        def batches() -> Iterator[Any]:
            for step in range(start_step, order.steps):
                yield self._batch(split, order, step, rank, world_size, pad_last)

        signature = self._signature(order.share_size(world_size) if pad_last else None, pad_last)
        dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(max(0, order.steps - start_step)))
        return dataset.prefetch(tf.data.AUTOTUNE)

    def verify(self) -> None:
        """Check every shard's size and hash and every record's CRC; the first damaged one is named."""
        for split in self.manifest.splits:
            for shard, block in zip(self.manifest.split(split).shards, self._blocks(split), strict=True):
                where = storage.join(self._folder, shard.name)
                verify(np.asarray(block), self.manifest.record_bytes, where)
                if xxhash.xxh3_128_hexdigest(block.data) != shard.xxh128:
                    raise FirelibError(
                        f"shard {shard.name} is not the one in its manifest: its hash differs",
                        where=where,
                        remedy="restore it (dvc checkout), or write it again (firelib transform)",
                    )

    def _batch(self, split: str, order: EpochOrder, step: int, rank: int, world: int, pad: bool) -> Any:
        rows = order.share(step, rank, world)
        weights = np.full(len(rows), 1 / len(order.batch(step)), np.float32)
        if pad:
            padding = order.share_size(world) - len(rows)
            rows = np.concatenate([rows, np.zeros(padding, np.int64)])
            weights = np.concatenate([weights, np.zeros(padding, np.float32)])
        columns = self._take(split, rows)
        label = columns.pop(self.manifest.label.name)
        return (columns, label, weights) if pad else (columns, label)

    def _take(self, split: str, rows: npt.NDArray[np.int64]) -> Batch:
        """Columns of some rows of a split, in the order asked for."""
        shards = self.manifest.split(split).shards
        starts = np.cumsum([0, *(shard.rows for shard in shards)])
        which = np.searchsorted(starts, rows, side="right") - 1
        records = np.empty((len(rows), self.manifest.record_bytes), np.uint8)
        for index in np.unique(which):
            mine = which == index
            block = unframed(self._blocks(split)[index], self.manifest.record_bytes)
            records[mine] = block[rows[mine] - starts[index]]
        return decode(records, self._layout)

    @cached_property
    def _layout(self) -> Any:
        return self.manifest.layout

    @cached_property
    def _mapped(self) -> dict[str, list[npt.NDArray[np.uint8]]]:
        return {}

    def _blocks(self, split: str) -> list[npt.NDArray[np.uint8]]:
        if split not in self._mapped:
            self._mapped[split] = [self._map(shard) for shard in self.manifest.split(split).shards]
        return self._mapped[split]

    def _map(self, shard: Shard) -> npt.NDArray[np.uint8]:
        """A shard's bytes, mapped; a remote one is copied to a local cache first."""
        uri = storage.join(self._folder, shard.name)
        try:
            local = uri if storage.is_local(uri) else fsspec.open_local(f"filecache::{uri}")
            block = np.memmap(str(local), np.uint8, "r") if shard.rows else np.empty(0, np.uint8)
        except FileNotFoundError:
            raise FirelibError(
                f"shard {shard.name} is missing", where=self._folder, remedy="dvc checkout, or firelib transform"
            ) from None
        if block.size != shard.bytes or block.size != shard.rows * framed_bytes(self.manifest.record_bytes):
            raise FirelibError(
                f"shard {shard.name} has {block.size} bytes, its manifest says {shard.bytes}",
                where=self._folder,
                remedy="restore it (dvc checkout), or write it again (firelib transform)",
            )
        return block

    def _signature(self, rows: int | None, weighted: bool) -> Any:
        import tensorflow as tf

        def spec(slot: Any) -> Any:
            dtype = numpy_dtype(slot.feature)
            return tf.TensorSpec((rows, *slot.feature.shape), tf.string if dtype.kind == "S" else dtype)

        specs = {slot.feature.name: spec(slot) for slot in self._layout.slots}
        label = specs.pop(self.manifest.label.name)
        return (specs, label, tf.TensorSpec((rows,), tf.float32)) if weighted else (specs, label)
