"""Pictures of several classes: which were taken for which, and the samples that were taken wrongly."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib import pyplot as plt

from firelib import storage
from firelib.evaluate.arrays import Floats, Labels
from firelib.evaluate.plots import save
from firelib.recipe import Feature

_IN_A_ROW = 5
_MOST_NUMBERS = 20  # classes; in more cells numbers cannot be read


def picture_of(features: Sequence[Feature]) -> Feature | None:
    """The one feature that is a picture: bytes of shape (height, width), or of 1 or 3 colours; None without it."""
    found = [feature for feature in features if feature.dtype == "uint8" and _is_picture(feature.shape)]
    return found[0] if len(found) == 1 else None


def _is_picture(shape: tuple[int, ...]) -> bool:
    return len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3))


def write_confusion(counts: npt.NDArray[np.int64], names: Sequence[str], path: Path) -> None:
    """A line for each test row, as `dvc plots` wants them; ordered, so that git sees only what has changed."""
    pairs = [
        f'"{actual}","{predicted}"'
        for row, actual in zip(counts.tolist(), names, strict=True)
        for count, predicted in zip(row, names, strict=True)
        for _ in range(count)
    ]
    storage.write_bytes(str(path), ("\n".join(["actual,predicted", *pairs]) + "\n").encode())


def draw_confusion(counts: npt.NDArray[np.int64], names: Sequence[str], path: Path) -> None:
    """Rows of each class (down) taken for each class (across); shades are shares of the class."""
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    side = 2 + 0.55 * min(len(names), _MOST_NUMBERS)
    figure, axes = plt.subplots(figsize=(side, side), layout="constrained")
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    ticks = range(len(names))
    axes.set_xticks(ticks, names, rotation=60, ha="right")
    axes.set_yticks(ticks, names)
    axes.set(xlabel="predicted", ylabel="actual")
    for row, column in np.argwhere(counts > 0) if len(names) <= _MOST_NUMBERS else ():
        shade = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=shade, fontsize=8)
    save(figure, path)


def draw_mistakes(
    pictures: npt.NDArray[np.uint8], labels: Labels, scores: Floats, names: Sequence[str], folder: Path
) -> None:
    """Samples with what they are and what the model was sure that they are.

    Args:
        pictures: [samples, height, width] or [samples, height, width, colours].
        labels: What they are [samples].
        scores: Probability of each class [samples, classes].
        names: Of the classes.
        folder: Where `mistakes.png` goes.
    """
    rows = max(1, -(-len(pictures) // _IN_A_ROW))
    figure, grid = plt.subplots(rows, _IN_A_ROW, figsize=(8, 1.9 * rows), layout="constrained", squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for axes, picture, label, score in zip(grid.flat, pictures, labels, scores, strict=False):
        axes.imshow(picture.squeeze(), cmap="gray_r")
        text = f"{names[int(label)]}\n→ {names[score.argmax()]} {score.max():.1%}"
        axes.set_title(text, fontsize=8)
    save(figure, folder / "mistakes.png")
