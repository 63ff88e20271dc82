"""Several classes: metrics of each class, a confusion matrix, and misclassified images."""

from collections.abc import Sequence

import numpy as np

from firelib import storage
from firelib.evaluate.arrays import Floats, Labels
from firelib.evaluate.estimators import ClassEstimator
from firelib.evaluate.outputs import to_probabilities
from firelib.evaluate.tasks.class_metrics import (
    compute_metrics,
    count_confusions,
    find_confident_mistakes,
    metrics_by_class,
)
from firelib.evaluate.tasks.class_plots import draw_confusion, draw_mistakes, write_confusion
from firelib.evaluate.tasks.task import Scores
from firelib.project_layout import Paths
from firelib.recipe import Feature
from firelib.tfrecord.format.fixed_decoder import Batch

_MISTAKES = 25
_NAMED_CLASSES = 5  # in a note


class Classes:
    """A label from 0 to classes - 1; scores are the probabilities of all classes [rows, classes].

    Args:
        names: Names of the classes.
        image: The feature to draw, or None.
    """

    def __init__(self, names: Sequence[str], image: Feature | None) -> None:
        self.estimator = ClassEstimator(len(names))
        self._names, self._image = names, image

    def to_scores(self, outputs: Floats) -> tuple[Floats, str | None]:
        """See `firelib.evaluate.outputs.to_probabilities`."""
        return to_probabilities(outputs, len(self._names))

    def metrics(self, labels: Labels, scores: Floats) -> dict[str, float]:
        """See `class_metrics.compute_metrics`."""
        return compute_metrics(labels, scores)

    def describe_gaps(self, labels: Labels) -> list[str]:
        """Name the classes without a test row: their precision and recall are 0, and count in `macro_f1`."""
        absent = [name for index, name in enumerate(self._names) if index not in np.unique(labels)]
        if not absent or not len(labels):
            return []
        shown = ", ".join(absent[:_NAMED_CLASSES]) + (" …" if len(absent) > _NAMED_CLASSES else "")
        return [f"{len(absent)} of {len(self._names)} classes have no test row, and count in macro_f1 as 0: {shown}"]

    def write(self, labels: Labels, scores: Scores, test: Batch, paths: Paths) -> None:
        """Write the model's metrics by class, its confusion matrix, and its most confident mistakes."""
        score, names = scores["model"], self._names
        if score is None:
            labels, score = labels[:0], np.zeros((0, len(names)))
        storage.write_bytes(str(paths.class_metrics), storage.to_json(metrics_by_class(labels, score, names)))
        counts = count_confusions(labels, score)
        write_confusion(counts, names, paths.plots / "confusion.csv")
        draw_confusion(counts, names, f"{paths.recipe}: {len(labels):,} test rows", paths.plots / "confusion.png")
        if self._image:
            rows = find_confident_mistakes(labels, score, _MISTAKES)
            title = f"{paths.recipe}: most confident mistakes in {len(labels):,} test rows"
            draw_mistakes(test[self._image.name][rows], labels[rows], score[rows], names, title, paths.plots)
