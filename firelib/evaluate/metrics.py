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
    """Curves to draw; each is (x, y).

    Attributes:
        roc: False against true positive rate.
        precision_recall: Recall against precision.
        calibration: Mean predicted probability against the share that came true, in bins of equal counts.
    """

    roc: tuple[Floats, Floats]
    precision_recall: tuple[Floats, Floats]
    calibration: tuple[Floats, Floats]


def metrics(labels: Labels, probabilities: Floats) -> dict[str, float]:
    """Figures that compare models: of rank (ROC AUC, average precision) and of probability (the others).

    Args:
        labels: 0 or 1 [rows].
        probabilities: Of label 1 [rows].
    """
    return {
        "roc_auc": float(roc_auc_score(labels, probabilities)),
        "average_precision": float(average_precision_score(labels, probabilities)),
        "log_loss": float(log_loss(labels, probabilities)),
        "brier": float(brier_score_loss(labels, probabilities)),
        "accuracy": float(np.mean((probabilities >= 0.5) == (labels == 1))),
    }


def curves(labels: Labels, probabilities: Floats) -> Curves:
    """The curves, thinned to what a picture can show."""
    false_positives, true_positives, _ = roc_curve(labels, probabilities)
    precision, recall, _ = precision_recall_curve(labels, probabilities)
    share, predicted = calibration_curve(labels, probabilities, n_bins=_BINS, strategy="quantile")
    return Curves(
        roc=_thin(false_positives, true_positives),
        precision_recall=_thin(recall[::-1], precision[::-1]),
        calibration=(predicted, share),
    )


def _thin(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """At most `_POINTS` points, equally far apart in rank, both ends kept."""
    keep = np.unique(np.linspace(0, len(x) - 1, _POINTS).round().astype(int))
    return x[keep], y[keep]
