"""Evaluation tasks: the metrics and plots of a binary label, or of a label with several classes."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from firelib import storage
from firelib.errors import FirelibError
from firelib.evaluate import classes, metrics
from firelib.evaluate.arrays import Floats, Labels
from firelib.evaluate.class_plots import draw_confusion, draw_mistakes, find_image_feature, write_confusion
from firelib.evaluate.plots import write_curves
from firelib.project_layout import Paths
from firelib.recipe import Feature, count_classes
from firelib.tfrecord.format.fixed_decoder import Batch

#: Name of a model → probabilities [rows, classes], or None where the model gives none.
Scores = Mapping[str, Floats | None]

_MISTAKES = 25
_NAMED_CLASSES = 5  # in a note


class Task(Protocol):
    """How to evaluate a kind of label.

    Attributes:
        classes: Number of classes.
    """

    classes: int

    def metrics(self, labels: Labels, probabilities: Floats) -> dict[str, float]:
        """Compute the metrics that compare models.

        Args:
            labels: Integers from 0 to classes - 1 [rows].
            probabilities: Probability of each class [rows, classes].

        Returns:
            Metric → value, without the metrics that these labels do not define.
        """

    def describe_gaps(self, labels: Labels) -> list[str]:
        """Name the metrics that labels do not define, with the reason; one note per reason."""

    def write(self, labels: Labels, scores: Scores, test: Batch, paths: Paths) -> None:
        """Write tables and plots. All files are written, because DVC expects them; without a score, they are empty.

        Args:
            labels: Integers from 0 to classes - 1 [rows].
            scores: `model`, then the baselines → probabilities [rows, classes], or None; the class prior comes last.
            test: Feature name → array of the test split [rows, …].
            paths: Paths of the outputs.
        """


def select_task(label: Feature | None, names: Sequence[str], features: Sequence[Feature]) -> Task:
    """Select the task that suits a label.

    Args:
        label: The label in the manifest.
        names: Names of its classes; may be empty.
        features: The features; if exactly one is an image, misclassified images are drawn.

    Raises:
        FirelibError: The label is not a class.
    """
    count = count_classes(label) if label else None
    if count == 2:
        return Binary()
    if count:
        return Classes(list(names) or [str(value) for value in range(count)], find_image_feature(features))
    raise FirelibError(
        f"expected a label that is a class, got {label}",
        where="the dataset's label",
        remedy="declare it as Feature(name, 'int64', range=(0, classes - 1))",
    )


class Binary:
    """Two classes: ROC, precision-recall and calibration curves."""

    classes = 2

    def metrics(self, labels: Labels, probabilities: Floats) -> dict[str, float]:
        """See `firelib.evaluate.metrics`."""
        return metrics.metrics(labels, probabilities[:, 1])

    def describe_gaps(self, labels: Labels) -> list[str]:
        """Note that the ranking metrics need rows of both labels."""
        present = np.unique(labels).astype(int).tolist()
        if len(present) != 1:
            return []
        return [f"no {' and no '.join(metrics.RANKING)}: all {len(labels)} test rows have label {present[0]}"]

    def write(self, labels: Labels, scores: Scores, test: Batch, paths: Paths) -> None:
        """Write the curves of the model and of the baselines, except the class prior, which has none."""
        del test
        positive = {name: score if score is None else score[:, 1] for name, score in list(scores.items())[:-1]}
        write_curves({name: metrics.curves(labels, score) for name, score in positive.items()}, paths.plots)


class Classes:
    """Several classes: metrics of each class, a confusion matrix, and misclassified images.

    Args:
        names: Names of the classes.
        image: The feature to draw, or None.
    """

    def __init__(self, names: Sequence[str], image: Feature | None) -> None:
        self.classes, self._names, self._image = len(names), names, image

    def metrics(self, labels: Labels, probabilities: Floats) -> dict[str, float]:
        """See `firelib.evaluate.classes`."""
        return classes.metrics(labels, probabilities)

    def describe_gaps(self, labels: Labels) -> list[str]:
        """Name the classes without a test row: their precision and recall are 0, and count in `macro_f1`."""
        absent = [name for index, name in enumerate(self._names) if index not in np.unique(labels)]
        if not absent or not len(labels):
            return []
        shown = ", ".join(absent[:_NAMED_CLASSES]) + (" …" if len(absent) > _NAMED_CLASSES else "")
        return [f"{len(absent)} of {self.classes} classes have no test row, and count in macro_f1 as 0: {shown}"]

    def write(self, labels: Labels, scores: Scores, test: Batch, paths: Paths) -> None:
        """Write the model's metrics by class, its confusion matrix, and its most confident mistakes."""
        score, names = scores["model"], self._names
        if score is None:
            labels, score = labels[:0], np.zeros((0, self.classes))
        class_metrics = classes.metrics_by_class(labels, score, names)
        storage.write_bytes(str(paths.class_metrics), storage.to_json(class_metrics))
        counts = classes.confusion(labels, score)
        write_confusion(counts, names, paths.plots / "confusion.csv")
        draw_confusion(counts, names, paths.plots / "confusion.png")
        if self._image:
            rows = classes.find_confident_mistakes(labels, score, _MISTAKES)
            draw_mistakes(test[self._image.name][rows], labels[rows], score[rows], names, paths.plots)
