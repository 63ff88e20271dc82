"""A trained model that scores raw feature values."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from firelib.errors import FirelibError
from firelib.evaluate.arrays import Floats
from firelib.evaluate.load_model import load_model
from firelib.evaluate.outputs import apply_activation, find_logits_loss
from firelib.keras_import import import_keras

_ROWS = 8192


class TrainedModel:
    """The Keras model that `firelib train` saved.

    Args:
        folder: `models/<recipe>`.

    Raises:
        FirelibError: The model does not exist.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / "model.keras"
        if not path.is_file():
            raise FirelibError(
                f"the model {path} does not exist", where=str(folder), remedy="run firelib train (or dvc checkout)"
            )
        import_keras()
        self._model = load_model(folder)
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

    def _score(self, features: Mapping[str, Any], start: int) -> Any:
        import tensorflow as tf

        batch = {name: values[start : start + _ROWS] for name, values in features.items()}
        batch = {
            name: values if tf.is_tensor(values) else tf.convert_to_tensor(values) for name, values in batch.items()
        }
        return self._model(batch, training=False).numpy()
