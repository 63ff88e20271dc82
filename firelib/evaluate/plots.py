"""Curves as CSV files for `dvc plots` and as PNG files."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")  # needs no display
from matplotlib import pyplot as plt

from firelib import storage
from firelib.evaluate.arrays import Floats
from firelib.evaluate.metrics import Curves

_CHARTS = {
    "roc": ("false positive rate", "true positive rate"),
    "precision_recall": ("recall", "precision"),
    "calibration": ("predicted probability", "share that came true"),
}
_METADATA = {"Software": None}  # omits Matplotlib's version, so that equal curves give equal bytes


def write_curves(all_curves: Mapping[str, Curves], folder: Path) -> None:
    """Write a CSV per curve and model, and a PNG per kind of curve.

    Args:
        all_curves: Name of a model → its curves, in the order of the legend.
        folder: The output folder.
    """
    for kind, (x_label, y_label) in _CHARTS.items():
        lines = {name: getattr(curves, kind) for name, curves in all_curves.items()}
        for name, (x, y) in lines.items():
            _write_csv(folder / f"{kind}_{name}.csv", {x_label: x, y_label: y})
        _draw(lines, x_label, y_label, folder / f"{kind}.png", diagonal=kind != "precision_recall")


def draw_training(folder: Path) -> None:
    """Draw the training loss by step and the validation loss by epoch.

    Args:
        folder: Holds training.csv and validation.csv, which `firelib train` wrote; training.png is added.
    """
    steps = np.genfromtxt(folder / "training.csv", delimiter=",", names=True)
    epochs = np.atleast_1d(np.genfromtxt(folder / "validation.csv", delimiter=",", names=True))
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    loss = np.atleast_1d(steps["loss"])
    window = max(1, len(loss) // 100)
    smooth = np.convolve(loss, np.ones(window) / window, mode="valid")
    axes.plot(np.arange(window, len(loss) + 1), smooth, label=f"training (mean of {window} steps)")
    axes.plot(epochs["epoch"] * len(loss) / epochs["epoch"].max(), epochs["val_loss"], "o-", label="validation")
    axes.set(xlabel="step", ylabel="loss")
    _add_legend(axes)
    save(figure, folder / "training.png")


def _write_csv(path: Path, columns: Mapping[str, Floats]) -> None:
    names = [name.replace(" ", "_") for name in columns]
    rows = [
        ",".join(names),
        *(",".join(f"{value:.6g}" for value in row) for row in zip(*columns.values(), strict=True)),
    ]
    storage.write_bytes(str(path), ("\n".join(rows) + "\n").encode())


def _draw(lines: Mapping[str, tuple[Floats, Floats]], x_label: str, y_label: str, path: Path, diagonal: bool) -> None:
    figure, axes = plt.subplots(figsize=(5, 5), layout="constrained")
    if diagonal:
        axes.plot([0, 1], [0, 1], color="0.8", linewidth=1)
    for name, (x, y) in lines.items():
        if not len(x):
            continue
        axes.plot(x, y, marker="o" if len(x) < 20 else None, label=name.replace("_", " "))
    axes.set(xlabel=x_label, ylabel=y_label, xlim=(0, 1), ylim=(0, 1))
    _add_legend(axes)
    save(figure, path)


def _add_legend(axes: plt.Axes) -> None:
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
