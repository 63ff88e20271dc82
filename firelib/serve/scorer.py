"""The served model: the SavedModel, which TensorFlow alone can load."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from firelib.evaluate.arrays import Floats
from firelib.evaluate.model import TrainedModel
from firelib.evaluate.model_inputs import to_model_inputs
from firelib.evaluate.predictions import require_probabilities
from firelib.recipe import Recipe


class Scorer:
    """Scores columns with the SavedModel of a recipe.

    Args:
        recipe: Declares the features and the label.
        folder: `models/<recipe>`.

    Attributes:
        folder: The folder of the model.

    Raises:
        FirelibError: The model does not exist.
    """

    def __init__(self, recipe: Recipe, folder: Path) -> None:
        self.folder = folder
        self._model = TrainedModel(folder, only_tensorflow=True)
        self._label = recipe.label
        taken = set(self._model.inputs)
        self._features = [feature for feature in recipe.features if feature.name in taken]

    def score(self, columns: Mapping[str, Any]) -> Floats:
        """Score validated columns.

        Args:
            columns: Feature name → column.

        Returns:
            Outputs of the model [rows] or [rows, …].

        Raises:
            FirelibError: The label is a class, and the outputs are not probabilities.
        """
        outputs = self._model.predict(to_model_inputs(columns, self._features))
        require_probabilities(outputs, self._label)
        return outputs

    def warm_up(self) -> None:
        """Score one row of zeros and empty strings, so that the first request does not wait for TensorFlow."""
        self._model.warm_up()
