"""Load an exported model, also one with layers that only the recipe defines."""

import zipfile
from pathlib import Path
from typing import Any

from firelib.errors import FirelibError
from firelib.train.export import KERAS, RAGGED_SPLITS, RAGGED_VALUES, SAVED_MODEL


def load_model(folder: Path) -> Any:
    """Load the Keras file, or the SavedModel where Keras cannot rebuild a layer.

    Keras needs the class of every layer, and refuses Lambda layers because they hold code. The SavedModel holds the
    graph that was trained, so it needs neither the recipe nor its parameters, which may have changed since.

    Args:
        folder: `models/<recipe>`; it holds the Keras file.

    Returns:
        A function (feature name → tensor, training) → predictions, whose attribute `input` has the features' names.

    Raises:
        FirelibError: The Keras file is damaged, or neither can be loaded.
    """
    import keras

    path = folder / KERAS
    if not zipfile.is_zipfile(path):
        raise FirelibError(
            f"{path} is damaged: it is no Keras file", where=str(folder), remedy="run dvc checkout, or firelib train"
        )
    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:  # layers run their own code when they are loaded
        if not (folder / SAVED_MODEL).is_dir():
            raise FirelibError(
                f"Keras cannot load {path}: {error}",
                where=str(folder),
                remedy=f"run dvc checkout or firelib train: {folder / SAVED_MODEL}, which needs no code, is missing",
            ) from error
    return ServedModel(folder / SAVED_MODEL)


class ServedModel:
    """A SavedModel that is called like a Keras model.

    Args:
        folder: Folder of the SavedModel.

    Attributes:
        input: Feature name → its `tf.TensorSpec`, or `tf.RaggedTensorSpec`.
    """

    def __init__(self, folder: Path) -> None:
        import tensorflow as tf

        self._loaded = tf.saved_model.load(str(folder))  # its functions work only as long as it exists
        self._serve = self._loaded.signatures["serving_default"]
        self._arguments: dict[str, Any] = dict(self._serve.structured_input_signature[1])
        self.input = _join_ragged(self._arguments)

    def __call__(self, features: dict[str, Any], training: bool = False) -> Any:
        """Score a batch; features that the model does not take are ignored.

        Args:
            features: Feature name → array or tensor [rows, …].
            training: Ignored: a SavedModel only scores.
        """
        del training
        arguments: dict[str, Any] = {}
        for name, spec in self.input.items():
            if name in self._arguments:
                arguments[name] = _fit(features[name], spec)
            else:
                arguments[f"{name}{RAGGED_VALUES}"] = features[name].values
                arguments[f"{name}{RAGGED_SPLITS}"] = features[name].row_splits
        (output,) = self._serve(**arguments).values()
        return output


def _join_ragged(arguments: dict[str, Any]) -> dict[str, Any]:
    """Feature name → spec; a ragged feature has two arguments."""
    import tensorflow as tf

    specs = {}
    for name, spec in arguments.items():
        feature = name.removesuffix(RAGGED_VALUES).removesuffix(RAGGED_SPLITS)
        if {f"{feature}{RAGGED_VALUES}", f"{feature}{RAGGED_SPLITS}"} <= arguments.keys():
            values = arguments[f"{feature}{RAGGED_VALUES}"]
            specs[feature] = tf.RaggedTensorSpec([None, None], values.dtype, row_splits_dtype=tf.int64)
        else:
            specs[name] = spec
    return specs


def _fit(values: Any, spec: Any) -> Any:
    """Convert to a tensor, and add or drop a last dimension of size 1, as Keras does."""
    import tensorflow as tf

    if len(values.shape) == spec.shape.rank - 1:  # of an array, a view; of a tensor, an operation
        values = values[..., None]
    tensor = tf.convert_to_tensor(values)
    tensor = tensor if tensor.dtype == tf.string else tf.cast(tensor, spec.dtype)
    return tf.squeeze(tensor, -1) if tensor.shape.rank == spec.shape.rank + 1 else tensor
