"""Metrics and tables of probabilities for a label with several classes."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.metrics import confusion_matrix, f1_score, log_loss, precision_recall_fscore_support

from firelib.evaluate.arrays import Floats, Labels


def metrics(labels: Labels, probabilities: Floats) -> dict[str, float]:
    """Figures that compare models.

    Args:
        labels: 0 to classes - 1 [rows].
        probabilities: Of each class [rows, classes].

    Returns:
        `accuracy`; `log_loss` in nats; `macro_f1`, the mean of the classes' F1, in which rare ones count as much.
    """
    classes, chosen = range(probabilities.shape[1]), probabilities.argmax(axis=1)
    return {
        "accuracy": float(np.mean(chosen == labels)),
        "log_loss": float(log_loss(labels, probabilities, labels=classes)),
        "macro_f1": float(f1_score(labels, chosen, labels=classes, average="macro", zero_division=0)),
    }


def by_class(labels: Labels, probabilities: Floats, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Class → precision, recall, F1 and rows; a figure that is not defined is 0."""
    chosen = probabilities.argmax(axis=1)
    columns = precision_recall_fscore_support(labels, chosen, labels=range(len(names)), zero_division=0)
    precision, recall, f1, rows = (column.tolist() for column in columns)
    return {
        name: {"precision": precision[i], "recall": recall[i], "f1": f1[i], "rows": rows[i]}
        for i, name in enumerate(names)
    }


def confusion(labels: Labels, probabilities: Floats) -> npt.NDArray[np.int64]:
    """How many rows of each class (first axis) were taken for each class (second)."""
    counts: npt.NDArray[np.int64] = confusion_matrix(
        labels, probabilities.argmax(axis=1), labels=range(probabilities.shape[1])
    )
    return counts


def worst(labels: Labels, probabilities: Floats, count: int) -> npt.NDArray[np.intp]:
    """Rows that were taken for another class, the surest ones first."""
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    return wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")][:count]
