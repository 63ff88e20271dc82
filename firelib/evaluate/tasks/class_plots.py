"""Plots for labels with several classes: confusion matrix, misclassified images."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib import pyplot as plt

from firelib import storage
from firelib.evaluate.arrays import Floats, Labels
from firelib.evaluate.plots import save
from firelib.recipe import Feature

_COLUMNS = 5
_MOST_ANNOTATED_CLASSES = 20  # in smaller cells, numbers are illegible


def find_image_feature(features: Sequence[Feature]) -> Feature | None:
    """Find the only feature that is an image: uint8 of shape (height, width) or (height, width, 1 or 3) in every row.

    Returns:
        The feature; None if there is no image or more than one.
    """
    images = [feature for feature in features if _is_image(feature)]
    return images[0] if len(images) == 1 else None


def _is_image(feature: Feature) -> bool:
    shape = feature.shape
    has_size = len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3))
    return feature.dtype == "uint8" and has_size and not feature.optional


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


def draw_confusion(counts: npt.NDArray[np.int64], names: Sequence[str], path: Path) -> None:
    """Draw a confusion matrix, coloured by the share of the actual class.

    Args:
        counts: Confusion matrix [classes, classes], rows by actual class.
        names: Names of the classes.
        path: The PNG.
    """
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    side = 2 + 0.55 * min(len(names), _MOST_ANNOTATED_CLASSES)
    figure, axes = plt.subplots(figsize=(side, side), layout="constrained")
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    ticks = range(len(names))
    axes.set_xticks(ticks, names, rotation=60, ha="right")
    axes.set_yticks(ticks, names)
    axes.set(xlabel="predicted", ylabel="actual")
    for row, column in np.argwhere(counts > 0) if len(names) <= _MOST_ANNOTATED_CLASSES else ():
        color = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=color, fontsize=8)
    save(figure, path)


def draw_mistakes(
    images: npt.NDArray[np.uint8], labels: Labels, scores: Floats, names: Sequence[str], folder: Path
) -> None:
    """Draw misclassified images with their actual and predicted class.

    Args:
        images: uint8 [samples, height, width] or [samples, height, width, channels].
        labels: Actual classes [samples].
        scores: Probability of each class [samples, classes].
        names: Names of the classes.
        folder: The folder in which `mistakes.png` is written.
    """
    rows = max(1, -(-len(images) // _COLUMNS))
    figure, grid = plt.subplots(rows, _COLUMNS, figsize=(8, 1.9 * rows), layout="constrained", squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for axes, image, label, score in zip(grid.flat, images, labels, scores, strict=False):
        axes.imshow(image.squeeze(), cmap="gray_r")
        text = f"{names[int(label)]}\n→ {names[score.argmax()]} {score.max():.1%}"
        axes.set_title(text, fontsize=8)
    save(figure, folder / "mistakes.png")
