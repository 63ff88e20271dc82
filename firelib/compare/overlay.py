"""Draw the curves of two states over each other, into one PNG."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import pyplot as plt

from firelib.compare.snapshot import Snapshot
from firelib.evaluate.plots import add_legend, moving_mean, row_counts, save


@dataclass(frozen=True)
class _Panel:
    """A plot: a file of each state, and its columns."""

    file: str
    title: str
    x: str
    y: str


_PANELS = (
    _Panel("training.csv", "training loss", "step", "loss"),
    _Panel("validation.csv", "validation loss", "epoch", "val_loss"),
    _Panel("roc_model.csv", "ROC, test split", "false_positive_rate", "true_positive_rate"),
    _Panel("precision_recall_model.csv", "precision-recall, test split", "recall", "precision"),
    _Panel("calibration_model.csv", "calibration, test split", "predicted_probability", "share_that_came_true"),
)


def draw_overlay(states: Sequence[Snapshot], path: Path) -> bool:
    """Draw the curves that a state has.

    Args:
        states: The states, in the order of the legend.
        path: The PNG to write.

    Returns:
        Whether there was a curve to draw.
    """
    panels = {panel: _read_curves(panel, states) for panel in _PANELS}
    drawn = {panel: curves for panel, curves in panels.items() if curves}
    if not drawn:
        return False
    columns = min(2, len(drawn))
    rows = -(-len(drawn) // columns)
    figure, grid = plt.subplots(rows, columns, figsize=(5.5 * columns, 4 * rows), layout="constrained", squeeze=False)
    figure.suptitle(" against ".join(f"{state.recipe}: {state.name}" for state in states), fontsize=10)
    for axes in grid.flat[len(drawn) :]:
        axes.axis("off")
    for axes, (panel, curves) in zip(grid.flat, drawn.items(), strict=False):
        _draw_panel(axes, panel, curves)
    save(figure, path)
    return True


def _read_curves(panel: _Panel, states: Sequence[Snapshot]) -> dict[str, Any]:
    curves = {}
    for letter, state in zip("AB", states, strict=True):
        content = state.read(f"plots/{state.recipe}/{panel.file}")
        if content is None or content.count(b"\n") < 2:
            continue
        table = np.atleast_1d(np.genfromtxt(io.BytesIO(content), delimiter=",", names=True))
        if {panel.x, panel.y} <= set(table.dtype.names or ()):
            curves[f"{letter}: {state.name}"] = table
    return curves


def _draw_panel(axes: Any, panel: _Panel, curves: Mapping[str, Any]) -> None:
    for style, (name, table) in zip(("-", "--"), curves.items(), strict=False):
        x, y = table[panel.x], table[panel.y]
        if panel.file == "training.csv":
            window = max(1, len(y) // 100)
            x, y = x[window - 1 :], moving_mean(y, row_counts(table), window)
        axes.plot(x, y, style, marker="o" if len(x) < 20 else None, label=name)
    axes.set(xlabel=panel.x.replace("_", " "), ylabel=panel.y.replace("_", " "), title=panel.title)
    add_legend(axes)
