"""Plots of every task: the loss curves; what all plots share."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

matplotlib.use("Agg")  # needs no display
from matplotlib import pyplot as plt

from firelib import storage
from firelib.evaluate.arrays import Floats

_METADATA = {"Software": None}  # omits Matplotlib's version, so that equal curves give equal bytes


def draw_training(folder: Path, title: str) -> None:
    """Draw the training loss by step and the validation loss by epoch.

    Args:
        folder: Holds training.csv and validation.csv, which `firelib train` wrote; training.png is added.
        title: Title of the plot.
    """
    steps = np.genfromtxt(folder / "training.csv", delimiter=",", names=True)
    epochs = np.atleast_1d(np.genfromtxt(folder / "validation.csv", delimiter=",", names=True))
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    loss = np.atleast_1d(steps["loss"])
    window = max(1, len(loss) // 100)
    smooth = moving_mean(loss, row_counts(steps), window)
    axes.plot(np.arange(window, len(loss) + 1), smooth, label=f"training (mean of {window} steps)")
    axes.plot(epochs["epoch"] * len(loss) / epochs["epoch"].max(), epochs["val_loss"], "o-", label="validation")
    axes.set(xlabel="step", ylabel="loss", title=title)
    add_legend(axes)
    save(figure, folder / "training.png")


def row_counts(steps: Any) -> Floats:
    """Rows of each step; files of earlier versions do not tell them, and count each step once."""
    if "rows" in (steps.dtype.names or ()):
        return np.atleast_1d(steps["rows"])
    return np.ones(np.atleast_1d(steps["loss"]).shape)


def moving_mean(values: Floats, weights: Floats, window: int) -> Floats:
    """Weighted mean of each window: the few rows of an epoch's short last batch count as few.

    Args:
        values: The values.
        weights: Their weights.
        window: Number of values in a mean.
    """
    ones = np.ones(window)
    total: Floats = np.convolve(values * weights, ones, mode="valid") / np.convolve(weights, ones, mode="valid")
    return total


def write_csv(path: Path, columns: Mapping[str, Floats]) -> None:
    """Write columns of numbers with six significant digits.

    Args:
        path: The CSV.
        columns: Name → values; spaces in names become underscores.
    """
    names = [name.replace(" ", "_") for name in columns]
    rows = [
        ",".join(names),
        *(",".join(f"{value:.6g}" for value in row) for row in zip(*columns.values(), strict=True)),
    ]
    storage.write_bytes(str(path), ("\n".join(rows) + "\n").encode())


def add_legend(axes: plt.Axes) -> None:
    """Add a grid, and a legend if there is a label."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend()
    axes.grid(alpha=0.3)


def save(figure: plt.Figure, path: Path) -> None:
    """Write a figure as PNG and close it; equal figures give equal bytes.

    Args:
        figure: The figure.
        path: The PNG; its folder is created.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120, metadata=_METADATA)
    plt.close(figure)
