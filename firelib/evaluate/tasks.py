"""What is measured and drawn for a kind of label: two classes, or more."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from firelib import storage
from firelib.errors import FirelibError
from firelib.evaluate import classes, metrics
from firelib.evaluate.arrays import Floats, Labels
from firelib.evaluate.class_plots import draw_confusion, draw_mistakes, picture_of, write_confusion
from firelib.evaluate.plots import write_curves
from firelib.project_layout import Paths
from firelib.recipe import Feature
from firelib.tfrecord.format.fixed_decoder import Batch

_MISTAKES = 25


class Task(Protocol):
    """A kind of label."""

    classes: int

    def metrics(self, labels: Labels, probabilities: Floats) -> dict[str, float]:
        """Metric → value, from probabilities [rows, classes]."""

    def write(self, labels: Labels, scores: Mapping[str, Floats], test: Batch, paths: Paths) -> None:
        """Tables and pictures; `scores` has the model first, then baselines, the class prior last."""


def task_of(label: Feature | None, names: Sequence[str], features: Sequence[Feature]) -> Task:
    """The task that a label stands for.

    Args:
        label: From the manifest.
        names: What its values are called; may be empty.
        features: Among them perhaps a picture.

    Raises:
        FirelibError: It is no class.
    """
    if label and (label.range == (0, 1) or label.dtype == "bool"):
        return Binary()
    if label and label.dtype not in ("string", "bytes") and not label.shape and label.range and label.range[0] == 0:
        count = int(label.range[1]) + 1
        return Classes(list(names) or [str(value) for value in range(count)], picture_of(features))
    raise FirelibError(
        f"evaluate knows labels that are classes; this one is {label}",
        where="the dataset's label",
        remedy="declare it as Feature(name, 'int64', range=(0, classes - 1))",
    )


class Binary:
    """Two classes: curves of rank and of calibration."""

    classes = 2

    def metrics(self, labels: Labels, probabilities: Floats) -> dict[str, float]:
        return metrics.metrics(labels, probabilities[:, 1])

    def write(self, labels: Labels, scores: Mapping[str, Floats], test: Batch, paths: Paths) -> None:
        del test
        drawn = list(scores)[:-1]  # the prior has no curve
        write_curves({name: metrics.curves(labels, scores[name][:, 1]) for name in drawn}, paths.plots)


class Classes:
    """Several classes: figures of each, which were taken for which, and the pictures that were taken wrongly.

    Args:
        names: Of the classes.
        picture: The feature to draw, or None.
    """

    def __init__(self, names: Sequence[str], picture: Feature | None) -> None:
        self.classes, self._names, self._picture = len(names), names, picture

    def metrics(self, labels: Labels, probabilities: Floats) -> dict[str, float]:
        return classes.metrics(labels, probabilities)

    def write(self, labels: Labels, scores: Mapping[str, Floats], test: Batch, paths: Paths) -> None:
        score, names = scores["model"], self._names
        figures = classes.by_class(labels, score, names)
        storage.write_bytes(str(paths.class_metrics), storage.to_json(figures))
        counts = classes.confusion(labels, score)
        write_confusion(counts, names, paths.plots / "confusion.csv")
        draw_confusion(counts, names, paths.plots / "confusion.png")
        if self._picture:
            rows = classes.worst(labels, score, _MISTAKES)
            draw_mistakes(test[self._picture.name][rows], labels[rows], score[rows], names, paths.plots)


def probabilities(outputs: Floats, count: int) -> Floats:
    """A model's outputs as probabilities [rows, classes].

    Args:
        outputs: [rows] of class 1, or [rows, classes].
        count: How many classes there are.

    Raises:
        FirelibError: The outputs have another shape, or are no probabilities.
    """
    sums = outputs.sum(axis=-1, keepdims=True)
    if outputs.ndim == 1 and count == 2:
        return np.stack([1 - outputs, outputs], axis=1)
    problem = ""
    if outputs.shape[1:] != (count,):
        problem = f"has outputs of shape {outputs.shape[1:]} for {count} classes"
    elif outputs.min() < 0 or not np.allclose(sums, 1, atol=1e-3):
        problem = f"gives values from {outputs.min():.3g} to {outputs.max():.3g} that do not add up to 1 in a row"
    if problem:
        raise FirelibError(
            f"the model {problem}",
            where="the recipe's build_model",
            remedy=f"end it with Dense({count}, activation='softmax')",
        )
    scaled: Floats = outputs / sums  # a softmax in float32 adds up to 1 but for its last bits
    return scaled
