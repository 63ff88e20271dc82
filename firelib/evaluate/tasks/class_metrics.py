"""Metrics of probabilities for a label with several classes."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.metrics import confusion_matrix, f1_score, log_loss, precision_recall_fscore_support

from firelib.evaluate.arrays import Floats, Labels


def compute_metrics(labels: Labels, probabilities: Floats) -> dict[str, float]:
    """Compute the metrics that compare models.

    Args:
        labels: Integers from 0 to classes - 1 [rows].
        probabilities: Probability of each class [rows, classes].

    Returns:
        `accuracy`; `log_loss` in nats; `macro_f1`, the mean F1 of the classes, in which rare classes weigh as much as
        frequent ones.
    """
    classes, predicted = range(probabilities.shape[1]), probabilities.argmax(axis=1)
    return {
        "accuracy": float(np.mean(predicted == labels)),
        "log_loss": float(log_loss(labels, probabilities, labels=classes)),
        "macro_f1": float(f1_score(labels, predicted, labels=classes, average="macro", zero_division=0)),
    }


def metrics_by_class(labels: Labels, probabilities: Floats, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Compute the metrics of each class.

    Args:
        labels: Integers from 0 to classes - 1 [rows].
        probabilities: Probability of each class [rows, classes].
        names: Names of the classes.

    Returns:
        Name → `precision`, `recall`, `f1` and `rows`; an undefined metric is 0.
    """
    if not len(labels):
        return {name: {"precision": 0.0, "recall": 0.0, "f1": 0.0, "rows": 0} for name in names}
    predicted = probabilities.argmax(axis=1)
    columns = precision_recall_fscore_support(labels, predicted, labels=range(len(names)), zero_division=0)
    precision, recall, f1, rows = (column.tolist() for column in columns)
    return {
        name: {"precision": precision[i], "recall": recall[i], "f1": f1[i], "rows": rows[i]}
        for i, name in enumerate(names)
    }


def count_confusions(labels: Labels, probabilities: Floats) -> npt.NDArray[np.int64]:
    """Count the rows by actual class (first axis) and predicted class (second axis)."""
    classes = probabilities.shape[1]
    if not len(labels):
        return np.zeros((classes, classes), np.int64)
    counts: npt.NDArray[np.int64] = confusion_matrix(labels, probabilities.argmax(axis=1), labels=range(classes))
    return counts


def find_confident_mistakes(labels: Labels, probabilities: Floats, count: int) -> npt.NDArray[np.intp]:
    """Find misclassified rows.

    Args:
        labels: Integers from 0 to classes - 1 [rows].
        probabilities: Probability of each class [rows, classes].
        count: Maximum number of rows.

    Returns:
        Indices of rows, by decreasing probability of the predicted class.
    """
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    return wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")][:count]
