"""Convert packed batches to named TensorFlow tensors."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from firelib.errors import FirelibError, UnreachableError
from firelib.tfrecord.format.fixed_layout import numpy_dtype
from firelib.tfrecord.format.manifest import Manifest
from firelib.tfrecord.read.epochs import Epochs
from firelib.tfrecord.read.packing import Packing


class TensorBatches:
    """Loads chunks of steps as packed tensors, and unpacks the tensors of a step.

    Args:
        manifest: The dataset's manifest.
        size: Rows to which each step is padded, or None.
        on_error: Called with the error of a chunk that cannot be loaded because the data are damaged; storage that does
            not respond may respond later. TensorFlow reports an error of its own, of which only the message tells the
            cause.

    Attributes:
        packing: The arrangement of the features in packed batches.
    """

    def __init__(
        self, manifest: Manifest, size: int | None, on_error: Callable[[FirelibError], None] | None = None
    ) -> None:
        self._features = [fitted.feature.name for fitted in manifest.features]
        self._label = manifest.label.name if manifest.label else None
        self._size, self._on_error = size, on_error
        self.packing = Packing(manifest.columns)

    def load(self, chunks: Any, epochs: Epochs, packed: bool, parallel: int) -> Any:
        """Load chunks of steps, and split them into steps.

        Args:
            chunks: A dataset of chunks, int64 [epoch, first, stop].
            epochs: The epochs.
            packed: Whether columns of one dtype and shape stay in one tensor.
            parallel: Chunks that are loaded at a time.

        Returns:
            A dataset of packed tensors, or of (features, label, weights), without the elements that the data lack.
        """
        import tensorflow as tf

        # No function here branches on tensors. Without AutoGraph, which would rewrite them all, the first batch comes
        # a quarter of a second earlier.
        as_is = tf.autograph.experimental.do_not_convert
        load = as_is(self._loader(epochs, packed))
        loaded = chunks.map(load, num_parallel_calls=parallel, deterministic=True)
        # Steps are slices of a chunk's tensors: `unbatch` would copy them.
        return loaded if self.packing.lists else loaded.flat_map(as_is(_slice_tuple if packed else _slice_steps))

    def _loader(self, epochs: Epochs, packed: bool) -> Callable[[Any], Any]:
        """A function for `Dataset.map` from a chunk to tensors [steps, …]; without the first axis if it is one step."""
        import tensorflow as tf

        packing, size, dtypes = self.packing, self._size, self._dtypes()

        def load(chunk: Any) -> Any:
            def pack(steps: Any) -> list[Any]:
                epoch, first, stop = steps.tolist()
                try:
                    return packing.pack(epochs.read(epoch, first, stop), first, stop, size, by_column=not packed)
                except FirelibError as error:
                    if self._on_error and not isinstance(error, UnreachableError):
                        self._on_error(error)
                    raise

            tensors = self._with_shapes(iter(tf.numpy_function(pack, [chunk], dtypes, stateful=False)), packed)
            return tensors if packed else self.unpack(*tensors)

        return load

    def _dtypes(self) -> list[Any]:
        """Dtypes of what `Packing.pack` returns."""
        import tensorflow as tf

        packing = self.packing
        lists = [dtype for feature in packing.lists for dtype in (_tf_dtype(numpy_dtype(feature)), tf.int64)]
        strings = [tf.string] if packing.strings else []
        weights = [] if self._size is None else [tf.float32]
        return [*(_tf_dtype(group.dtype) for group in packing.dense), *strings, *lists, *weights]

    def _with_shapes(self, flat: Iterator[Any], packed: bool) -> tuple[Any, ...]:
        """Parse the strings and the lists of what `Packing.pack` returns, and set static shapes."""
        import tensorflow as tf

        packing = self.packing
        tensors = [self._shaped(next(flat), packed, [len(group.names)], group.shape) for group in packing.dense]
        if packing.strings:
            strings = tf.io.parse_tensor(next(flat), tf.string)
            tensors.append(self._shaped(strings, packed, [len(packing.strings)]))
        for _ in packing.lists:
            values, splits = next(flat), next(flat)
            values.set_shape((None,))
            splits.set_shape((None if self._size is None else self._size + 1,))
            tensors.append(tf.RaggedTensor.from_row_splits(values, splits, validate=False))
        if self._size is not None:
            tensors.append(self._shaped(next(flat), packed))
        return tuple(tensors)

    def _shaped(self, tensor: Any, packed: bool, columns: Sequence[int] = (), shape: Sequence[int] = ()) -> Any:
        """Set a static shape, and remove the axis of steps if every chunk is one step."""
        import tensorflow as tf

        steps = [] if self.packing.lists else [None]
        if not steps:
            tensor = tf.squeeze(tensor, 0 if packed else len(columns))
        outer = [*steps, *columns] if packed else [*columns, *steps]
        return tf.ensure_shape(tensor, [*outer, self._size, *shape])

    def unpack(self, *tensors: Any) -> Any:
        """Unpack one step to (features, label, weights), without the elements that the dataset lacks."""
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


def _slice_tuple(*chunk: Any) -> Any:
    """The steps of a chunk, as a dataset of tuples."""
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices(chunk)


def _slice_steps(*chunk: Any) -> Any:
    """The steps of a chunk, as a dataset; a chunk of features alone is no tuple."""
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices(chunk if len(chunk) > 1 else chunk[0])


def _tf_dtype(dtype: np.dtype[np.generic]) -> Any:
    import tensorflow as tf

    return tf.string if dtype.kind in "SO" else tf.as_dtype(dtype)
