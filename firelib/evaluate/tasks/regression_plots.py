"""Plots of predicted numbers: against the actual ones, and their residuals."""

from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt

from firelib.evaluate.arrays import Floats
from firelib.evaluate.plots import add_legend, save

_MOST_POINTS = 5000
_BINS = 60


def draw_predicted(actual: Floats, predicted: Floats, title: str, path: Path) -> None:
    """Draw predicted against actual numbers, at most 5,000 points.

    Args:
        actual: Labels [rows, numbers].
        predicted: Predictions [rows, numbers].
        title: Title of the plot.
        path: The PNG.
    """
    x, y = _thin(actual.ravel()), _thin(predicted.ravel())
    figure, axes = plt.subplots(figsize=(5, 5), layout="constrained")
    if len(x):
        ends = [min(x.min(), y.min()), max(x.max(), y.max())]
        axes.plot(ends, ends, color="0.6", linewidth=1, label="perfect model")
    axes.plot(x, y, ".", markersize=3, alpha=0.5)
    axes.set(xlabel="actual", ylabel="predicted", title=title)
    add_legend(axes)
    save(figure, path)


def draw_residuals(actual: Floats, predicted: Floats, title: str, path: Path) -> None:
    """Draw the distribution of predicted minus actual.

    Args:
        actual: Labels [rows, numbers].
        predicted: Predictions [rows, numbers].
        title: Title of the plot.
        path: The PNG.
    """
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    if actual.size:
        residuals = (predicted - actual).ravel()
        axes.hist(residuals, bins=_BINS)
        axes.axvline(float(residuals.mean()), color="0.3", linewidth=1, label=f"mean {residuals.mean():.3g}")
    axes.set(xlabel="predicted − actual", ylabel="rows", title=title)
    add_legend(axes)
    save(figure, path)


def _thin(values: Floats) -> Floats:
    """At most `_MOST_POINTS` values at equal distances."""
    return (
        values[np.linspace(0, len(values) - 1, _MOST_POINTS).round().astype(int)]
        if len(values) > _MOST_POINTS
        else values
    )
