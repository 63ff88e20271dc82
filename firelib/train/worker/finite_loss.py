"""Stop training at a loss that is not finite, and name what may have caused it."""

from collections.abc import Callable

import numpy as np

from firelib.errors import FirelibError
from firelib.tfrecord.format.manifest import Manifest
from firelib.train.checkpoint.state import TrainingProgress
from firelib.train.keras_types import Array

_MOST_ROWS = 5


def require_finite(
    losses: Array, progress: TrainingProgress, rows_of: Callable[[int, int], Array], manifest: Manifest
) -> None:
    """Refuse losses that are infinite or NaN.

    Args:
        losses: Losses of the latest steps, float32 [steps].
        progress: Progress before these steps.
        rows_of: Function (epoch, position) → indices of the rows of a global batch.
        manifest: The dataset, whose features may have caused it.

    Raises:
        FirelibError: A loss is not finite.
    """
    bad = np.flatnonzero(~np.isfinite(losses))
    if not len(bad):
        return
    offset, epoch = int(bad[0]), progress.epoch
    rows = ", ".join(map(str, rows_of(epoch, progress.position + offset)[:_MOST_ROWS]))
    raise FirelibError(
        f"expected a finite loss, got {losses[offset]} at step {progress.step + offset + 1}",
        where=f"epoch {epoch + 1}; the batch begins with rows {rows} of split train",
        remedy=f"{suspect_features(manifest)}reduce train.lr, set train.clip_norm, or look at these rows "
        "(firelib.open_dataset(…).as_numpy('train')); the last good checkpoint is kept",
    )


def suspect_features(manifest: Manifest) -> str:
    """Name the features that a model divides by 0 with, and those with NaN."""
    numbers = [fitted for fitted in manifest.features if fitted.feature.dtype not in ("string", "bytes", "bool")]
    constant = [fitted.feature.name for fitted in numbers if fitted.std == 0]
    missing = [fitted.feature.name for fitted in numbers if fitted.missing and "float" in fitted.feature.dtype]
    hints = [
        f"do not divide by the standard deviation of {', '.join(constant)}, which is 0; " if constant else "",
        f"fill the missing values (NaN) of {', '.join(missing)}; " if missing else "",
    ]
    return "".join(hints)
