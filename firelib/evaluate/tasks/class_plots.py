"""Plots for labels with several classes: confusion matrix, misclassified images."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib import pyplot as plt

from firelib import storage
from firelib.evaluate.arrays import Floats, Labels
from firelib.evaluate.plots import save

_COLUMNS = 5
_MOST_ANNOTATED_CLASSES = 20  # in smaller cells, numbers are illegible


def write_confusion(counts: npt.NDArray[np.int64], names: Sequence[str], path: Path) -> None:
    """Write a CSV for `dvc plots` with one line per test row, ordered by class, so that git shows small differences.

    Args:
        counts: Confusion matrix [classes, classes], rows by actual class.
        names: Names of the classes.
        path: The CSV.
    """
    pairs = [
        f'"{actual}","{predicted}"'
        for row, actual in zip(counts.tolist(), names, strict=True)
        for count, predicted in zip(row, names, strict=True)
        for _ in range(count)
    ]
    storage.write_bytes(str(path), ("\n".join(["actual,predicted", *pairs]) + "\n").encode())


def draw_confusion(counts: npt.NDArray[np.int64], names: Sequence[str], title: str, path: Path) -> None:
    """Draw a confusion matrix, coloured by the share of the actual class.

    Args:
        counts: Confusion matrix [classes, classes], rows by actual class.
        names: Names of the classes.
        title: Title of the plot.
        path: The PNG.
    """
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    side = 2 + 0.55 * min(len(names), _MOST_ANNOTATED_CLASSES)
    figure, axes = plt.subplots(figsize=(side, side), layout="constrained")
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    ticks = range(len(names))
    axes.set_xticks(ticks, names, rotation=60, ha="right")
    axes.set_yticks(ticks, names)
    axes.set(xlabel="predicted", ylabel="actual", title=title)
    for row, column in np.argwhere(counts > 0) if len(names) <= _MOST_ANNOTATED_CLASSES else ():
        color = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=color, fontsize=8)
    save(figure, path)


def draw_mistakes(
    images: npt.NDArray[np.uint8], labels: Labels, scores: Floats, names: Sequence[str], title: str, folder: Path
) -> None:
    """Draw misclassified images with their actual and predicted class.

    Args:
        images: uint8 [samples, height, width] or [samples, height, width, channels].
        labels: Actual classes [samples].
        scores: Probability of each class [samples, classes].
        names: Names of the classes.
        title: Title of the plot.
        folder: The folder in which `mistakes.png` is written.
    """
    rows = max(1, -(-len(images) // _COLUMNS))
    figure, grid = plt.subplots(rows, _COLUMNS, figsize=(8, 1.9 * rows), layout="constrained", squeeze=False)
    figure.suptitle(title, fontsize=10)
    for axes in grid.flat:
        axes.axis("off")
    for axes, image, label, score in zip(grid.flat, images, labels, scores, strict=False):
        axes.imshow(image.squeeze(), cmap="gray_r")
        text = f"{names[int(label)]}\n→ {names[score.argmax()]} {score.max():.1%}"
        axes.set_title(text, fontsize=8)
    save(figure, folder / "mistakes.png")
