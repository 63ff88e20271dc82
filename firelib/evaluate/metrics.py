"""Metrics and curves of probabilities for a binary label."""

from dataclasses import dataclass

import numpy as np
from sklearn.calibration import calibration_curve
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    log_loss,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)

from firelib.evaluate.arrays import Floats, Labels

_POINTS = 200
_BINS = 15


@dataclass(frozen=True)
class Curves:
    """Curves of a binary classifier; each is a pair of arrays (x, y).

    Attributes:
        roc: False positive rate, true positive rate.
        precision_recall: Recall, precision.
        calibration: Mean predicted probability and observed share of label 1, in bins of equal counts.
    """

    roc: tuple[Floats, Floats]
    precision_recall: tuple[Floats, Floats]
    calibration: tuple[Floats, Floats]


def metrics(labels: Labels, probabilities: Floats) -> dict[str, float]:
    """Compute the metrics that compare models.

    Args:
        labels: 0 or 1 [rows].
        probabilities: Probability of label 1 [rows].

    Returns:
        `roc_auc` and `average_precision`, which depend on the ranking only; `log_loss` in nats, `brier` and `accuracy`
        (at threshold 0.5), which depend on the probabilities.
    """
    return {
        "roc_auc": float(roc_auc_score(labels, probabilities)),
        "average_precision": float(average_precision_score(labels, probabilities)),
        "log_loss": float(log_loss(labels, probabilities)),
        "brier": float(brier_score_loss(labels, probabilities)),
        "accuracy": float(np.mean((probabilities >= 0.5) == (labels == 1))),
    }


def curves(labels: Labels, probabilities: Floats) -> Curves:
    """Compute the curves, with at most 200 points each.

    Args:
        labels: 0 or 1 [rows].
        probabilities: Probability of label 1 [rows].
    """
    false_positives, true_positives, _ = roc_curve(labels, probabilities)
    precision, recall, _ = precision_recall_curve(labels, probabilities)
    observed, predicted = calibration_curve(labels, probabilities, n_bins=_BINS, strategy="quantile")
    return Curves(
        roc=_thin(false_positives, true_positives),
        precision_recall=_thin(recall[::-1], precision[::-1]),
        calibration=(predicted, observed),
    )


def _thin(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Keep at most `_POINTS` points at equal distances in the arrays, including both ends."""
    keep = np.unique(np.linspace(0, len(x) - 1, _POINTS).round().astype(int))
    return x[keep], y[keep]
