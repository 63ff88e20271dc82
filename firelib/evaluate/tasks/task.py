"""What every evaluation task offers."""

from collections.abc import Mapping
from typing import Protocol

from firelib.evaluate.arrays import Floats, Labels
from firelib.evaluate.estimators import Estimator
from firelib.project_layout import Paths
from firelib.tfrecord.format.fixed_decoder import Batch

#: Name of a model → its scores [rows, …], or None where the model gives none.
Scores = Mapping[str, Floats | None]


class Task(Protocol):
    """How to evaluate a kind of label. Scores are probabilities, or in a regression the predicted numbers."""

    @property
    def estimator(self) -> Estimator:
        """What the baselines predict."""

    def to_scores(self, outputs: Floats) -> tuple[Floats, str | None]:
        """Convert a model's outputs to scores.

        Args:
            outputs: Finite values [rows] or [rows, …].

        Returns:
            The scores, and a note if the outputs had to be converted.

        Raises:
            FirelibError: The outputs have a shape that does not suit the label.
        """

    def metrics(self, labels: Labels, scores: Floats) -> dict[str, float]:
        """Compute the metrics that compare models.

        Args:
            labels: Labels of the test split [rows, …].
            scores: Scores of one model [rows, …].

        Returns:
            Metric → value, without the metrics that these labels do not define.
        """

    def describe_gaps(self, labels: Labels) -> list[str]:
        """Name the metrics that labels do not define, with the reason; one note per reason."""

    def write(self, labels: Labels, scores: Scores, test: Batch, paths: Paths) -> None:
        """Write tables and plots. All files are written, because DVC expects them; without a score, they are empty.

        Args:
            labels: Labels of the test split [rows, …].
            scores: `model`, then the baselines → scores, or None.
            test: Feature name → array of the test split [rows, …].
            paths: Paths of the outputs.
        """
