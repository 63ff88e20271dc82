"""Curves of a binary classifier as CSV files for `dvc plots` and as PNG files."""

from collections.abc import Mapping
from pathlib import Path

from matplotlib import pyplot as plt

from firelib.evaluate.arrays import Floats
from firelib.evaluate.plots import add_legend, save, write_csv
from firelib.evaluate.tasks.binary_metrics import Curves

_CHARTS = {
    "roc": ("false positive rate", "true positive rate"),
    "precision_recall": ("recall", "precision"),
    "calibration": ("predicted probability", "share that came true"),
}


def write_curves(all_curves: Mapping[str, Curves], folder: Path) -> None:
    """Write a CSV per curve and model, and a PNG per kind of curve.

    Args:
        all_curves: Name of a model → its curves, in the order of the legend.
        folder: The output folder.
    """
    for kind, (x_label, y_label) in _CHARTS.items():
        lines = {name: getattr(curves, kind) for name, curves in all_curves.items()}
        for name, (x, y) in lines.items():
            write_csv(folder / f"{kind}_{name}.csv", {x_label: x, y_label: y})
        _draw(lines, x_label, y_label, folder / f"{kind}.png", diagonal=kind != "precision_recall")


def _draw(lines: Mapping[str, tuple[Floats, Floats]], x_label: str, y_label: str, path: Path, diagonal: bool) -> None:
    figure, axes = plt.subplots(figsize=(5, 5), layout="constrained")
    if diagonal:
        axes.plot([0, 1], [0, 1], color="0.8", linewidth=1)
    for name, (x, y) in lines.items():
        if not len(x):
            continue
        axes.plot(x, y, marker="o" if len(x) < 20 else None, label=name.replace("_", " "))
    axes.set(xlabel=x_label, ylabel=y_label, xlim=(0, 1), ylim=(0, 1))
    add_legend(axes)
    save(figure, path)
