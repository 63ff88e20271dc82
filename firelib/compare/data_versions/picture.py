"""Draw the distributions of features in two states of the data over each other, into one PNG."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import pyplot as plt

from firelib.data.versions.drift import Drift
from firelib.evaluate.plots import save

_MOST = 12  # features in a picture
_MOST_WORDS = 8  # bars of words
_COLUMNS = 3


def draw_drift(drifts: Sequence[Drift], title: str, path: Path) -> None:
    """Draw the features that moved most.

    Args:
        drifts: The features; the first ones are drawn.
        title: Title of the picture.
        path: The PNG to write.
    """
    shown = drifts[:_MOST]
    rows = -(-len(shown) // _COLUMNS)
    size = (4 * _COLUMNS, 2.6 * rows)
    figure, grid = plt.subplots(rows, _COLUMNS, figsize=size, layout="constrained", squeeze=False)
    figure.suptitle(title, fontsize=11)
    for axes in grid.flat[len(shown) :]:
        axes.axis("off")
    for axes, drift in zip(grid.flat, shown, strict=False):
        _draw_words(axes, drift) if drift.ks is None else _draw_numbers(axes, drift)
        axes.set_title(f"{drift.name}: PSI {drift.psi:.3f}", fontsize=9)
        axes.tick_params(labelsize=7)
    grid.flat[0].legend(fontsize=8)
    save(figure, path)


def _draw_numbers(axes: Any, drift: Drift) -> None:
    edges, before, after = drift.bars
    axes.stairs(before, edges, fill=True, alpha=0.4, label="A")
    axes.stairs(after, edges, label="B", linewidth=1.5)


def _draw_words(axes: Any, drift: Drift) -> None:
    words, before, after = drift.bars
    chosen = [index for index, word in enumerate(words) if index < _MOST_WORDS or word in ("others", "missing")]
    positions = np.arange(len(chosen))
    axes.bar(positions - 0.2, before[chosen], 0.4, alpha=0.4, label="A")
    axes.bar(positions + 0.2, after[chosen], 0.4, label="B", fill=False)
    axes.set_xticks(positions, [str(words[index])[:10] for index in chosen], rotation=45, ha="right")
