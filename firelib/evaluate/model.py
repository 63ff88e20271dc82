"""A trained model that scores raw feature values."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from firelib.errors import FirelibError
from firelib.evaluate.arrays import Floats
from firelib.evaluate.load_model import ServedModel, load_model
from firelib.evaluate.outputs import apply_activation, find_logits_loss
from firelib.keras_import import import_keras, import_tensorflow
from firelib.train.export import KERAS, SAVED_MODEL

_ROWS = 8192


def _load_keras(folder: Path) -> Any:
    import_keras()
    return load_model(folder)


def _load_saved_model(folder: Path) -> ServedModel:
    import_tensorflow()
    return ServedModel(folder / SAVED_MODEL)


class TrainedModel:
    """The model that `firelib train` saved.

    Args:
        folder: `models/<recipe>`.
        only_tensorflow: Whether to load the SavedModel, which needs no code of layers, and is called faster.

    Raises:
        FirelibError: The model does not exist.
    """

    def __init__(self, folder: Path, only_tensorflow: bool = False) -> None:
        path = folder / KERAS
        needed = [path, folder / SAVED_MODEL] if only_tensorflow else [path]
        missing = next((file for file in needed if not file.exists()), None)
        if missing:
            raise FirelibError(
                f"the model {missing} does not exist", where=str(folder), remedy="run firelib train (or dvc checkout)"
            )
        self._model = _load_saved_model(folder) if only_tensorflow else _load_keras(folder)
        self._logits_loss = find_logits_loss(path)

    @property
    def inputs(self) -> list[str]:
        """Names of the features that the model takes."""
        given = self._model.input
        if isinstance(given, dict):
            return list(given)
        return [tensor.name for tensor in (given if isinstance(given, list | tuple) else [given])]

    def predict(self, features: Mapping[str, Any]) -> Floats:
        """Score raw feature values.

        Args:
            features: Feature name → array or tensor [rows, …]; strings as bytes or str. Features that the model does
                not take are ignored.

        Returns:
            float64 [rows] for a single output, otherwise [rows, outputs]. If the model returns logits, because its loss
            was compiled with `from_logits=True`, these are the probabilities that the loss computes from them.
        """
        features = {name: features[name] for name in self.inputs}  # Keras would match them by position
        rows = next(iter(features.values())).shape[0]
        parts = [self._score(features, start) for start in range(0, rows, _ROWS)]
        outputs: Floats = np.concatenate(parts).astype(np.float64)
        outputs = apply_activation(outputs, self._logits_loss) if self._logits_loss else outputs
        return outputs[:, 0] if outputs.ndim == 2 and outputs.shape[1] == 1 else outputs

    def warm_up(self) -> None:
        """Score one row of zeros and empty strings: the first call of a model takes longest."""
        import tensorflow as tf

        row: dict[str, Any] = {}
        for name, spec in self._model.input.items():
            dense = tf.zeros([size or 1 for size in spec.shape], spec.dtype)  # of strings: empty ones
            is_ragged = isinstance(spec, tf.RaggedTensorSpec)
            row[name] = tf.RaggedTensor.from_tensor(dense, row_splits_dtype=tf.int64) if is_ragged else dense
        self._model(row)

    def _score(self, features: Mapping[str, Any], start: int) -> Any:
        import tensorflow as tf

        batch = {name: values[start : start + _ROWS] for name, values in features.items()}
        if not isinstance(self._model, ServedModel):
            batch = {
                name: values if tf.is_tensor(values) else tf.convert_to_tensor(values) for name, values in batch.items()
            }
        return self._model(batch, training=False).numpy()
