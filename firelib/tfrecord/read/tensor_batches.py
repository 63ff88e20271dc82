"""Convert packed batches to named TensorFlow tensors."""

from collections.abc import Callable, Iterator
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

    def loader(self, epochs: Epochs) -> Callable[[Any], Any]:
        """A function for `Dataset.map` from a chunk, int64 [epoch, first, stop], to packed tensors [steps, …]."""
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
                epoch, first, stop = steps.tolist()
                try:
                    return packing.pack(epochs.read(epoch, first, stop), first, stop, size)
                except FirelibError as error:
                    if self._on_error and not isinstance(error, UnreachableError):
                        self._on_error(error)
                    raise

            return self._with_shapes(iter(tf.numpy_function(pack, [chunk], dtypes, stateful=False)))

        return load

    def _with_shapes(self, flat: Iterator[Any]) -> tuple[Any, ...]:
        """Set the static shapes of packed tensors, all [steps, …]."""
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


def _tf_dtype(dtype: np.dtype[np.generic]) -> Any:
    import tensorflow as tf

    return tf.string if dtype.kind in "SO" else tf.as_dtype(dtype)
