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

#: The metrics that compare rows of label 1 with rows of label 0.
RANKING = ("roc_auc", "average_precision")

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


_EMPTY = (np.zeros(0), np.zeros(0))


def compute_metrics(labels: Labels, probabilities: Floats) -> dict[str, float]:
    """Compute the metrics that compare models.

    Args:
        labels: 0 or 1 [rows].
        probabilities: Probability of label 1 [rows].

    Returns:
        `roc_auc` and `average_precision`, which depend on the ranking only; `log_loss` in nats, `brier` and `accuracy`
        (at threshold 0.5), which depend on the probabilities. With one label only, there is no ranking.
    """
    ranking: dict[str, float] = {}
    if _has_both(labels):
        ranking = {
            "roc_auc": float(roc_auc_score(labels, probabilities)),
            "average_precision": float(average_precision_score(labels, probabilities)),
        }
    return {
        **ranking,
        "log_loss": float(log_loss(labels, probabilities, labels=[0, 1])),
        "brier": float(brier_score_loss(labels, probabilities, pos_label=1)),
        "accuracy": float(np.mean((probabilities >= 0.5) == (labels == 1))),
    }


def _has_both(labels: Labels) -> bool:
    return len(np.unique(labels)) == 2


def compute_curves(labels: Labels, probabilities: Floats | None) -> Curves:
    """Compute the curves, with at most 200 points each.

    Args:
        labels: 0 or 1 [rows].
        probabilities: Probability of label 1 [rows]; None gives empty curves.

    Returns:
        The curves. Those that compare the labels are empty if there is one label only.
    """
    if probabilities is None or not len(labels):
        return Curves(_EMPTY, _EMPTY, _EMPTY)
    observed, predicted = calibration_curve(labels, probabilities, n_bins=_BINS, strategy="quantile", pos_label=1)
    if not _has_both(labels):
        return Curves(_EMPTY, _EMPTY, (predicted, observed))
    false_positives, true_positives, _ = roc_curve(labels, probabilities)
    precision, recall, _ = precision_recall_curve(labels, probabilities)
    return Curves(
        roc=_thin(false_positives, true_positives),
        precision_recall=_thin(recall[::-1], precision[::-1]),
        calibration=(predicted, observed),
    )


def _thin(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Keep at most `_POINTS` points at equal distances in the arrays, including both ends."""
    keep = np.unique(np.linspace(0, len(x) - 1, _POINTS).round().astype(int))
    return x[keep], y[keep]
