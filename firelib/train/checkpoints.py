"""A checkpoint: every variable of model and optimizer, and how far the run is. One format, ours.

A folder with `variables.npz` and `progress.json`; the latter holds the former's hash, so a torn one is noticed.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from firelib import storage
from firelib.errors import FirelibError

_VARIABLES = "variables.npz"
_PROGRESS = "progress.json"


@dataclass
class TrainingProgress:
    """How far a run is.

    Attributes:
        epoch: Epochs done.
        step: Global batches done.
        losses: Training loss of every step.
        validation: Validation metrics after every epoch.
        tracking_id: The W&B run that goes on after a restart.
    """

    epoch: int = 0
    step: int = 0
    losses: list[float] = field(default_factory=list)
    validation: list[dict[str, float]] = field(default_factory=list)
    tracking_id: str | None = None


def save(folder: Path, variables: Sequence[Any], progress: TrainingProgress) -> None:
    """Write a checkpoint.

    Args:
        folder: An empty folder.
        variables: Keras variables of model and optimizer, always in the same order.
        progress: How far the run is.
    """
    arrays = {f"{index:05d}": np.asarray(variable) for index, variable in enumerate(variables)}
    np.savez(folder / _VARIABLES, allow_pickle=False, **arrays)
    content = {"sha256": storage.sha256_file(folder / _VARIABLES), **asdict(progress)}
    storage.write_bytes(str(folder / _PROGRESS), storage.to_json(content))


def load(folder: Path) -> tuple[list[npt.NDArray[Any]], TrainingProgress]:
    """Read a checkpoint.

    Raises:
        FirelibError: It is torn or incomplete.
    """
    content = storage.read_json(str(folder / _PROGRESS))
    expected = content.pop("sha256")
    path = folder / _VARIABLES
    if not path.is_file() or storage.sha256_file(path) != expected:
        raise FirelibError(
            "the checkpoint is torn: its variables do not match their hash",
            where=str(folder),
            remedy="delete this checkpoint's folder, or start over (firelib train --fresh)",
        )
    with np.load(path, allow_pickle=False) as arrays:
        return [arrays[name] for name in sorted(arrays.files)], TrainingProgress(**content)


def restore(variables: Sequence[Any], values: Sequence[npt.NDArray[Any]], where: str) -> None:
    """Assign a checkpoint's values.

    Raises:
        FirelibError: The model has changed since.
    """
    if [tuple(variable.shape) for variable in variables] != [value.shape for value in values]:
        raise FirelibError(
            f"the checkpoint holds {len(values)} variables of other shapes than the model's {len(variables)}",
            where=where,
            remedy="the model's code has changed: firelib train --fresh starts over",
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
