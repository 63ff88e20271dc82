"""A checkpoint: every variable of model and optimizer, and how far the run is. One format, ours.

A folder with `state.npz` (the variables, and the loss of every step) and `progress.json`. The latter is written last
and holds the former's hash, so a torn checkpoint is noticed.
"""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from firelib import storage
from firelib.errors import FirelibError
from firelib.train.checkpoint.state import Best, TrainingProgress

_STATE = "state.npz"
PROGRESS = "progress.json"
_LOSSES = "losses"

Arrays = list[npt.NDArray[Any]]


def copied(variables: Sequence[Any]) -> Arrays:
    """The variables' values as they are now: training may go on while they are written."""
    return [np.asarray(variable).copy() for variable in variables]


def save(uri: str, values: Sequence[npt.NDArray[Any]], progress: TrainingProgress) -> None:
    """Write a checkpoint.

    Args:
        uri: Its folder; one that is there already is replaced.
        values: Of the variables of model and optimizer, always in the same order.
        progress: How far the run is.

    Raises:
        FirelibError: The disk is full.
    """
    buffer = io.BytesIO()
    named = {f"{index:05d}": value for index, value in enumerate(values)}
    np.savez(buffer, allow_pickle=False, **named, **{_LOSSES: np.array(progress.losses, np.float64)})
    content = {**asdict(progress), "sha256": hashlib.sha256(buffer.getbuffer()).hexdigest()}
    del content["losses"], content["timing"]
    storage.make_folder(uri)
    storage.write_bytes(storage.join(uri, _STATE), buffer.getvalue())
    storage.write_bytes(storage.join(uri, PROGRESS), storage.to_json(content))


def load(uri: str) -> tuple[Arrays, TrainingProgress]:
    """Read a checkpoint.

    Raises:
        FirelibError: It is torn or incomplete.
    """
    content = storage.read_json(storage.join(uri, PROGRESS))
    state = _state(uri)
    if state is None or hashlib.sha256(state).hexdigest() != content.pop("sha256"):
        raise FirelibError(
            "the checkpoint is torn: its variables do not match their hash",
            where=uri,
            remedy="delete this checkpoint's folder, or start over (firelib train --fresh)",
        )
    content["best"] = Best(**content["best"]) if content["best"] else None
    with np.load(io.BytesIO(state), allow_pickle=False) as arrays:
        losses = arrays[_LOSSES].tolist()
        values = [arrays[name] for name in sorted(arrays.files) if name != _LOSSES]
    return values, TrainingProgress(**content, losses=losses)


def _state(uri: str) -> bytes | None:
    try:
        return storage.read_bytes(storage.join(uri, _STATE))
    except FileNotFoundError:
        return None


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
