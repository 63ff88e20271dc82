"""A trained model that scores raw feature values."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from firelib.errors import FirelibError
from firelib.evaluate.arrays import Floats
from firelib.keras_import import import_keras

if TYPE_CHECKING:
    from firelib.tfrecord.format.fixed_decoder import Batch

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
        import keras

        self._model = keras.models.load_model(path, compile=False)

    @property
    def inputs(self) -> list[str]:
        """Names of the features that the model takes."""
        return list(self._model.input)

    def predict(self, features: "Batch") -> Floats:
        """Score raw feature values.

        Args:
            features: Feature name → array [rows, …]; strings as bytes or str.

        Returns:
            float64 [rows] for a single output, otherwise [rows, outputs].
        """
        rows = len(next(iter(features.values())))
        parts = [self._score(features, start) for start in range(0, rows, _ROWS)]
        outputs: Floats = np.concatenate(parts).astype(np.float64)
        return outputs[:, 0] if outputs.shape[-1] == 1 else outputs

    def _score(self, features: "Batch", start: int) -> Any:
        import tensorflow as tf

        batch = {name: tf.convert_to_tensor(values[start : start + _ROWS]) for name, values in features.items()}
        return self._model(batch, training=False).numpy()
