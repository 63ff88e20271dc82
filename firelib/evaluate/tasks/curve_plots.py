"""Curves of a binary classifier as CSV files for `dvc plots` and as PNG files."""

from collections.abc import Mapping

from matplotlib import pyplot as plt

from firelib.evaluate.arrays import Labels
from firelib.evaluate.output_files import CURVES
from firelib.evaluate.plots import add_legend, save, write_csv
from firelib.evaluate.tasks.binary_metrics import Curves
from firelib.project_layout import Paths

_AXES = {
    "roc": ("false positive rate", "true positive rate"),
    "precision_recall": ("recall", "precision"),
    "calibration": ("predicted probability", "share that came true"),
}
_AREAS = {"roc": ("roc_auc", "AUC"), "precision_recall": ("average_precision", "AP")}  # metric, name in the legend


def write_curves(
    all_curves: Mapping[str, Curves], metrics: Mapping[str, Mapping[str, float]], labels: Labels, paths: Paths
) -> None:
    """Write a CSV per curve and model, and a PNG per kind of curve.

    Args:
        all_curves: Name of a model → its curves, in the order of the legend.
        metrics: Name of a model → its metrics; the area under a curve stands in the legend.
        labels: 0 or 1 [rows]; the share of 1 is the precision of a model that knows nothing.
        paths: Names the recipe and the output folder.
    """
    for kind in CURVES:
        x_label, y_label = _AXES[kind]
        lines = {name: getattr(curves, kind) for name, curves in all_curves.items()}
        for name, (x, y) in lines.items():
            write_csv(paths.plots / f"{kind}_{name}.csv", {x_label: x, y_label: y})
        figure, axes = plt.subplots(figsize=(5, 5), layout="constrained")
        _draw_reference(axes, kind, labels)
        for name, (x, y) in lines.items():
            if len(x):
                axes.plot(x, y, marker="o" if len(x) < 20 else None, label=_describe(name, kind, metrics[name]))
        title = f"{paths.recipe}: {kind.replace('_', '-')}, {len(labels):,} test rows"
        axes.set(xlabel=x_label, ylabel=y_label, xlim=(0, 1), ylim=(0, 1), title=title)
        add_legend(axes)
        save(figure, paths.plots / f"{kind}.png")


def _draw_reference(axes: plt.Axes, kind: str, labels: Labels) -> None:
    """Draw the curve of a model that knows nothing; in a calibration plot, of one whose probabilities are right."""
    if kind != "precision_recall":
        axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    elif len(labels):
        prevalence = float(labels.mean())
        axes.axhline(prevalence, color="0.7", linewidth=1, label=f"prevalence {prevalence:.3f}")


def _describe(name: str, kind: str, metrics: Mapping[str, float]) -> str:
    """The text of the legend: the model's name, and the area under the curve if it is defined."""
    metric, short = _AREAS.get(kind, ("", ""))
    area = f" ({short} {metrics[metric]:.3f})" if metric in metrics else ""
    return f"{name.replace('_', ' ')}{area}"
