"""Checkpoint format: every variable of model and optimizer, and the progress of the run.

A checkpoint is a folder of two files. `state.npz` holds the variables and the loss of every step (NumPy's `.npz`).
`progress.json` holds the rest of the progress and the SHA-256 of `state.npz`. It is written last, so a torn checkpoint
is detected.
"""

import hashlib
import io
import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from firelib import storage
from firelib.errors import FirelibError
from firelib.train.checkpoint.state import BestEpoch, TrainingProgress
from firelib.train.keras_types import Array, Variable

_STATE = "state.npz"
PROGRESS = "progress.json"
_LOSSES = "losses"

# The two files, and what a killed process leaves of them.
_OWN_NAME = re.compile(
    rf"{re.escape(_STATE)}|{re.escape(PROGRESS)}|\.({re.escape(_STATE)}|{re.escape(PROGRESS)})\.\w+\.tmp"
)


class TornCheckpointError(FirelibError):
    """A checkpoint that is incomplete, damaged, or no longer there."""


def copy_values(variables: Sequence[Variable]) -> list[Array]:
    """Copy the current values of variables, so that training can go on while they are written."""
    return [np.asarray(variable).copy() for variable in variables]


def save(uri: str, values: Sequence[Array], progress: TrainingProgress) -> None:
    """Write a checkpoint.

    Args:
        uri: Folder of the checkpoint; an existing one is overwritten.
        values: Values of the variables of model and optimizer, in a stable order.
        progress: Progress of the run.

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


def verify(uri: str) -> None:
    """Read a checkpoint that was just written back from the storage, and compare its hash.

    Raises:
        TornCheckpointError: The storage returns other bytes than were written.
    """
    try:
        found = hashlib.sha256(storage.read_back(storage.join(uri, _STATE))).hexdigest()
        is_equal = found == _read_progress(uri)["sha256"]
    except (FileNotFoundError, TornCheckpointError):
        is_equal = False
    if not is_equal:
        raise TornCheckpointError(
            f"the checkpoint was written, but reads back differently: {_STATE} does not match {PROGRESS}",
            where=uri,
            remedy="check the disk or the bucket, then run the same command again: the checkpoint before it is kept",
        )


def remove(uri: str) -> None:
    """Remove a checkpoint; its folder stays if it holds files of others. A missing checkpoint is not an error."""
    names = storage.list_names(uri)
    own = [name for name in names if _OWN_NAME.fullmatch(name)]  # progress.json is first: what is left is torn
    for name in own:
        storage.remove_file(storage.join(uri, name))
    if own == names:
        storage.remove_empty_folder(uri)


def load(uri: str) -> tuple[list[Array], TrainingProgress]:
    """Read and verify a checkpoint.

    Returns:
        The values that were saved, in their order, and the progress of the run.

    Raises:
        TornCheckpointError: The checkpoint is incomplete or damaged.
        FirelibError: Another version of firelib wrote it.
    """
    content, state = _read_progress(uri), _read_state(uri)
    if hashlib.sha256(state).hexdigest() != content.pop("sha256"):
        raise _torn(uri, f"{_STATE} does not match the hash in {PROGRESS}")
    try:
        content["best"] = BestEpoch(**content["best"]) if content["best"] else None
        with np.load(io.BytesIO(state), allow_pickle=False) as arrays:
            losses = arrays[_LOSSES].tolist()
            values = [arrays[name] for name in sorted(arrays.files) if name != _LOSSES]
        return values, TrainingProgress(**content, losses=losses)
    except (KeyError, TypeError) as error:  # not torn, since the hash is right: torn checkpoints are removed
        raise FirelibError(
            f"another version of firelib wrote the checkpoint: {PROGRESS} has other fields than expected: {error}",
            where=uri,
            remedy="resume with the version that wrote it, or start over: firelib train --fresh",
        ) from None


def _read_progress(uri: str) -> dict[str, Any]:
    try:
        content = storage.read_json(storage.join(uri, PROGRESS))
    except storage.UnreadableJsonError as error:  # a bucket that does not answer says nothing about the checkpoint
        raise _torn(uri, error.what) from None
    if not isinstance(content, dict) or "sha256" not in content:
        raise _torn(uri, f"{PROGRESS} holds no hash")
    return content


def _read_state(uri: str) -> bytes:
    try:
        return storage.read_bytes(storage.join(uri, _STATE))
    except FileNotFoundError:
        raise _torn(uri, f"{_STATE} is missing") from None


def _torn(uri: str, problem: str) -> TornCheckpointError:
    return TornCheckpointError(
        f"the checkpoint is torn: {problem}",
        where=uri,
        remedy="delete this checkpoint's folder, or start over: firelib train --fresh",
    )


def restore(variables: Sequence[Variable], values: Sequence[Array], where: str) -> None:
    """Assign the values of a checkpoint.

    Args:
        variables: Variables of model and optimizer.
        values: Their values, in the same order.
        where: URI of the checkpoint, for the error.

    Raises:
        FirelibError: Number or shapes of the variables differ.
    """
    if [tuple(variable.shape) for variable in variables] != [value.shape for value in values]:
        raise FirelibError(
            f"the checkpoint holds {len(values)} variables whose number or shapes differ from the model's "
            f"{len(variables)}",
            where=where,
            remedy="start over, because the model has changed: firelib train --fresh",
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
