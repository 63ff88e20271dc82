"""Two classes: ROC, precision-recall and calibration curves."""

import numpy as np

from firelib.evaluate.arrays import Floats, Labels
from firelib.evaluate.estimators import ClassEstimator
from firelib.evaluate.outputs import to_probabilities
from firelib.evaluate.tasks.binary_metrics import RANKING, compute_curves, compute_metrics
from firelib.evaluate.tasks.curve_plots import write_curves
from firelib.evaluate.tasks.task import Scores
from firelib.project_layout import Paths
from firelib.tfrecord.format.fixed_decoder import Batch


class Binary:
    """A label that is 0 or 1; scores are the probabilities of both [rows, 2]."""

    estimator = ClassEstimator(2)

    def to_scores(self, outputs: Floats) -> tuple[Floats, str | None]:
        """See `firelib.evaluate.outputs.to_probabilities`."""
        return to_probabilities(outputs, 2)

    def metrics(self, labels: Labels, scores: Floats) -> dict[str, float]:
        """See `binary_metrics.compute_metrics`."""
        return compute_metrics(labels, scores[:, 1])

    def describe_gaps(self, labels: Labels) -> list[str]:
        """Note that the ranking metrics need rows of both labels."""
        present = np.unique(labels).astype(int).tolist()
        if len(present) != 1:
            return []
        return [f"no {' and no '.join(RANKING)}: all {len(labels)} test rows have label {present[0]}"]

    def write(self, labels: Labels, scores: Scores, test: Batch, paths: Paths) -> None:
        """Write the curves of the model and of the baselines, except the class prior, which has none."""
        del test
        positive = {
            name: score if score is None else score[:, 1]
            for name, score in scores.items()
            if name != self.estimator.constant_name
        }
        metrics = {
            name: compute_metrics(labels, score) if score is not None and len(labels) else {}
            for name, score in positive.items()
        }
        curves = {name: compute_curves(labels, score) for name, score in positive.items()}
        write_curves(curves, metrics, labels, paths)
