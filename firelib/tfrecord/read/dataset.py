"""Read datasets as NumPy columns, as Arrow tables, or as a `tf.data.Dataset` in the elastic order."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from firelib import storage
from firelib.errors import FirelibError
from firelib.recipe import Feature, FittedFeature
from firelib.tfrecord.format.column_conversion import concatenate, empty_columns, to_arrow, to_numpy
from firelib.tfrecord.format.fixed_decoder import Batch
from firelib.tfrecord.format.manifest import Manifest, read_manifest
from firelib.tfrecord.read.canonical_store import CanonicalStore
from firelib.tfrecord.read.description import describe_dataset
from firelib.tfrecord.read.epoch_order import EpochOrder, check_rank
from firelib.tfrecord.read.epochs import Epochs
from firelib.tfrecord.read.external_records import ExternalFiles, build_external_manifest
from firelib.tfrecord.read.external_uris import find_external_files, list_external_files
from firelib.tfrecord.read.fixed_store import FixedStore
from firelib.tfrecord.read.shards.hash_check import HashCheck
from firelib.tfrecord.read.shards.shard_files import ShardFiles
from firelib.tfrecord.read.tensor_batches import TensorBatches
from firelib.tfrecord.read.window_prefetch import RankBatches, Store

if TYPE_CHECKING:
    import tensorflow as tf

_PARALLEL_CHUNKS = 2  # chunks decoded concurrently; more do not help, since one thread reads for all of them
_CHUNK_ROWS = 1 << 16


def open_dataset(
    uri: str | Sequence[str], *, features: Sequence[Feature] | None = None, label: str | None = None
) -> "Dataset":
    """Open a dataset that firelib wrote, or TFRecords of another writer.

    Args:
        uri: manifest.json or its folder. For another writer: a TFRecord file, a folder of TFRecord files, a pattern
            (`data/*.tfrecord`, `s3://bucket/**/part-*`), or a list of these. Files of a folder or a pattern are
            sorted by name; those of a list keep its order.
        features: The features in records of another writer; None infers them from the first records.
        label: Name of the feature that is the label, for records of another writer.

    Returns:
        The dataset. Only its manifest has been read; files of another writer have been read once.

    Raises:
        FirelibError: There is no dataset, its manifest is invalid, or `features` or `label` is given although the
            manifest declares them.

    Example:
        >>> import tempfile
        >>> from firelib import Feature, open_dataset, write_tfrecords
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = write_tfrecords({"x": [1, 2, 3]}, f"{folder}/data", [Feature("x", "int64")])
        ...     dataset = open_dataset(f"{folder}/data")
        ...     columns = dataset.as_numpy("train")
        >>> dataset.rows("train")
        3
        >>> columns["x"].tolist()
        [1, 2, 3]
    """
    if not isinstance(uri, str):
        return _open_external(*list_external_files([storage.absolute(each) for each in uri]), features, label)
    uri = storage.absolute(uri)
    try:
        manifest = read_manifest(uri)  # one request in the usual case; the checks below only follow a failure
    except Exception as error:  # storages report a missing file in many ways, some with the status 403
        found = find_external_files(uri)
        if found is None:
            if isinstance(error, FirelibError) and not uri.endswith(".json") and not storage.exists(uri):
                raise _missing(uri) from None
            raise
        return _open_external(*found, features, label)
    if features is not None or label is not None:
        raise FirelibError(
            "features= and label= were given, but the manifest declares them",
            where=uri,
            remedy="remove features= and label=",
        )
    return Dataset(uri.rpartition("/")[0] if uri.endswith(".json") else uri.rstrip("/"), manifest)


def _missing(uri: str) -> FirelibError:
    return FirelibError(
        "there is no dataset, file or folder",
        where=uri,
        remedy="check the path; firelib transform and write_tfrecords write datasets",
    )


def _open_external(
    folder: str, names: Sequence[str], features: Sequence[Feature] | None, label: str | None
) -> "Dataset":
    return Dataset(folder, build_external_manifest(folder, names, features, label), is_external=True)


class Dataset:
    """The splits of one dataset. Shards are opened when batches are read.

    Args:
        folder: URI of the dataset's folder.
        manifest: The dataset's manifest.
        is_external: Whether another writer wrote the records.

    Attributes:
        manifest: The dataset's manifest.
    """

    def __init__(self, folder: str, manifest: Manifest, is_external: bool = False) -> None:
        self.manifest: Manifest = manifest
        self._folder, self._is_external = folder, is_external
        self._stores: dict[str, Store] = {}
        self._checks: dict[tuple[str, int, int], HashCheck] = {}
        self._errors: list[FirelibError] = []

    def __repr__(self) -> str:
        return describe_dataset(self._folder, self.manifest)

    @property
    def features(self) -> Mapping[str, FittedFeature]:
        """Feature name → feature with its statistics, as `Recipe.build_model` gets them; without the label."""
        return self.manifest.fitted

    def rows(self, split: str) -> int:
        """Number of rows of a split."""
        return self.manifest.split(split).rows

    def as_numpy(self, split: str) -> Batch:
        """Read a whole split in file order as NumPy columns.

        Returns:
            Feature name → array [rows, *shape], the label included. Strings are bytes. Features without a fixed size
            are arrays of objects: bytes, lists, or None.
        """
        return to_numpy(self._read_split(split))

    def as_arrow(self, split: str) -> Any:
        """Read a whole split in file order as a `pyarrow.Table`; arrays of several dimensions are flat lists."""
        return to_arrow(self._read_split(split), self.manifest.columns)

    def read_parts(self, split: str) -> Iterator[Batch]:
        """Read a split as `as_numpy` does, some rows at a time, so that memory does not depend on its size.

        Yields:
            As `as_numpy` returns it, of the next rows in file order.
        """
        yield from map(to_numpy, self._read_parts(split))

    def _read_parts(self, split: str) -> Iterator[Batch]:
        store, check = self._store(split), self._hash_check(split)
        for start, stop in _row_chunks(store.rows):
            yield _read_rows(store, start, stop)
            if check:
                check.advance(stop / store.rows)

    def _read_split(self, split: str) -> Batch:
        return concatenate([*self._read_parts(split)] or [empty_columns(self.manifest.columns)])

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
        epochs: int = 1,
    ) -> "tf.data.Dataset":
        """Read one epoch, or several, as a `tf.data.Dataset` of (features, label) batches.

        Each iteration of the result reads the same epochs, in the same order. For training with `fit`, pass the number
        of epochs to both: `model.fit(dataset.as_tf(256, seed=1, epochs=5), epochs=5, steps_per_epoch=steps)`, where
        `steps` is the number of batches of an epoch, rounded up. Epoch *i* of `fit` then has the order of
        `as_tf(…, epoch=i)`, and `fit` starts no epoch twice.

        Args:
            batch_size: Rows of a global batch; each rank gets its share of every batch.
            split: Name of the split.
            world_size: Number of ranks.
            rank: This rank.
            seed: Seed of the order; None keeps the order of the files.
            epoch: Index of the first epoch, which changes the order.
            start_step: Global batch to start at, to resume inside an epoch.
            pad_last: Pad every batch to the same length, and add the weights as a third element: 1 / (rows of the
                global batch) for a row, 0 for padding. The weights of a batch sum to 1 over all ranks.
            packed: Keep columns of one dtype and shape in one tensor, which `unpack` splits. A compiled function takes
                few tensors in half the time of many.
            epochs: Number of epochs, one after the other.

        Returns:
            A dataset of (features, label) or, with `pad_last`, (features, label, weights). Features map a name to a
            tensor [rows, *shape]. Datasets without a label have no second element.

        Raises:
            FirelibError: An argument is out of range, the split is unknown, or shards are missing.

        Example:
            >>> import tempfile
            >>> import numpy as np
            >>> from firelib import Feature, open_dataset, write_tfrecords
            >>> rows = {"x": np.float32([1, 2, 3, 4]), "y": [0, 1, 0, 1]}
            >>> features, label = [Feature("x", "float32")], Feature("y", "int64", range=(0, 1))
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     _ = write_tfrecords(rows, f"{folder}/data", features, label=label)
            ...     batches = open_dataset(f"{folder}/data").as_tf(batch_size=2)
            ...     found = [(x["x"].tolist(), y.tolist()) for x, y in batches.as_numpy_iterator()]
            >>> found
            [([1.0, 2.0], [0, 1]), ([3.0, 4.0], [0, 1])]
        """
        content, store = self.manifest.split(split), self._store(split)  # whose files must be as large as it says
        import tensorflow as tf

        order = EpochOrder(content.rows, batch_size, seed, epoch, content.block_rows)
        check_rank(rank, world_size)
        if start_step < 0:
            raise FirelibError(
                f"expected start_step of 0 or more, got {start_step}", where="as_tf", remedy="count steps from 0"
            )
        if epochs < 1:
            raise FirelibError(f"expected epochs of 1 or more, got {epochs}", where="as_tf", remedy="pass epochs=1")
        check = self._hash_check(split, rank, world_size)

        def open_epoch(index: int) -> RankBatches:
            return RankBatches(store, replace(order, epoch=index), rank, world_size, check)

        sequence = Epochs(epoch, epochs, open_epoch, is_shuffled=seed is not None)
        tensors = TensorBatches(self.manifest, order.share_size(world_size) if pad_last else None, self._errors.append)
        chunks = sequence.chunks(start_step, tensors.packing.chunk_rows(content.row_bytes))
        dataset = tensors.load(tf.data.Dataset.from_tensor_slices(chunks), sequence, packed, _PARALLEL_CHUNKS)
        dataset = dataset.apply(
            tf.data.experimental.assert_cardinality(max(0, order.steps - start_step) + (epochs - 1) * order.steps)
        )
        return dataset.prefetch(2)

    def unpack(self, *tensors: Any) -> Any:
        """Unpack a packed batch to (features, label, weights), as `as_tf` returns it without `packed`."""
        return TensorBatches(self.manifest, None).unpack(*tensors)

    @contextmanager
    def raise_read_errors(self) -> Iterator[None]:
        """Raise an error of the reader as it is, where TensorFlow reports that a batch of `as_tf` failed.

        TensorFlow knows it as an `UnknownError`, or as the loss of a peer in a training with several workers.

        Raises:
            FirelibError: A shard cannot be read, or is damaged.
        """
        import tensorflow as tf

        try:
            yield
        except tf.errors.OpError:
            if self._errors:
                raise self._errors[0] from None
            raise

    def verify(self) -> None:
        """Check the size and hash of every shard and the CRC of every record.

        Raises:
            FirelibError: A shard or a record is damaged; the error names the first one.
        """
        for split, content in self.manifest.splits.items():
            store = self._store(split)
            for start, stop in _row_chunks(store.rows):
                store.load(np.array([start]), np.array([stop]))
            if self._is_external:  # no hashes are known
                continue
            files = ShardFiles(self._folder, content.shards)
            for index in range(len(content.shards)):
                files.verify_hash(index)

    def _hash_check(self, split: str, rank: int = 0, world_size: int = 1) -> HashCheck | None:
        """The check of a rank's share of the shards; None without hashes, or if another one has covered them."""
        if self._is_external or (split, 0, 1) in self._checks:
            return self._checks.get((split, 0, 1))
        key = (split, rank, world_size)
        if key not in self._checks:
            self._checks[key] = HashCheck(self._folder, self.manifest.split(split).shards[rank::world_size])
        return self._checks[key]

    def _store(self, split: str) -> Store:
        """The rows of a split. Sizes of its shards are checked once, before the first row is read."""
        if split not in self._stores:
            manifest = self.manifest
            kind = ExternalFiles if self._is_external else ShardFiles
            shards = manifest.split(split).shards
            files = kind(self._folder, shards, bool(manifest.compression), manifest.record_bytes)
            files.check()
            layout = None if self._is_external else manifest.layout
            self._stores[split] = FixedStore(files, layout) if layout else CanonicalStore(files, manifest.columns)
        return self._stores[split]


def _read_rows(store: Store, start: int, stop: int) -> Batch:
    return store.load(np.array([start]), np.array([stop])).decode(np.arange(stop - start)[None], {})


def _row_chunks(rows: int) -> list[tuple[int, int]]:
    """Consecutive ranges of rows that limit the memory of one read."""
    return [(start, min(start + _CHUNK_ROWS, rows)) for start in range(0, rows, _CHUNK_ROWS)]
