"""Experiment tracking: one tracked run over all attempts, written by rank 0 only."""

import os
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from firelib import storage
from firelib.train.checkpoint.state import TrainingProgress
from firelib.train.platform_folders import EventMirror
from firelib.train.run_spec import RunSpec
from firelib.train.tracking.tensorboard_tracker import TensorBoardTracker
from firelib.train.tracking.wandb_tracker import WandbTracker


class Tracker(Protocol):
    """Receives figures by step.

    Attributes:
        id: Identifies the tracked run, so that a restart continues it; None if nothing is tracked.
        last_step: The last step that the tracker holds durably when it starts; None if it cannot tell.
    """

    id: str | None
    last_step: int | None

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Log the figures of one step.

        Args:
            step: The step, counted from 1.
            values: Name → figure.
        """

    def flush(self) -> None:
        """Make everything durable that was logged."""

    def finish(self, summary: Mapping[str, Any], exported: str | None) -> None:
        """End the tracked run.

        Args:
            summary: Figures of the whole run.
            exported: URI of the exported model if the run has finished, else None.
        """


class NoTracker:
    """Tracks nothing."""

    id: str | None = None
    last_step: int | None = None

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Do nothing."""

    def flush(self) -> None:
        """Do nothing."""

    def finish(self, summary: Mapping[str, Any], exported: str | None) -> None:
        """Do nothing."""


def start_tracker(spec: RunSpec, rank: int, resumed_id: str | None, note: Callable[[str], None]) -> Tracker:
    """Start the tracker that the run asks for.

    Args:
        spec: The run.
        rank: Rank of this worker; only rank 0 tracks.
        resumed_id: Id of the tracked run to continue; the id of another kind of tracker is ignored.
        note: Shows a line to the user.
    """
    if rank != 0 or spec.tracking == "none":
        return NoTracker()
    if spec.tracking == "tensorboard":
        folder = spec.tensorboard_folder
        return TensorBoardTracker(folder, EventMirror(folder, spec.run_id, os.environ))
    return WandbTracker(spec, None if resumed_id == TensorBoardTracker.ID else resumed_id, note)


class StepLogger:
    """Logs each step exactly once, after it has been checkpointed; earlier it could be re-run.

    A file in the run's folder holds the last step that was logged. The tracker counts more, if it can tell: W&B's own
    process buffers what is logged, so that a kill loses the last steps, which are then logged again.

    Args:
        tracker: Receives the figures.
        run_uri: The run's folder.
        epoch_steps: Steps in an epoch.
    """

    def __init__(self, tracker: Tracker, run_uri: str, epoch_steps: int) -> None:
        self._tracker, self._epoch_steps = tracker, epoch_steps
        self._uri = storage.join(run_uri, "tracked.json")
        self._logged = self._find_last_step() if tracker.id else 0

    def log_until(self, step: int, progress: TrainingProgress) -> None:
        """Log the steps that are not logged yet.

        Args:
            step: The last step to log: the step of the newest checkpoint.
            progress: Progress of the run.
        """
        if step == self._epoch_steps * (len(progress.validation) + 1):
            step -= 1  # the epoch is not validated yet: its last step is logged together with the metrics
        if self._tracker.id is None or step <= self._logged:
            return
        ends = {self._epoch_steps * (epoch + 1): metrics for epoch, metrics in enumerate(progress.validation)}
        for one in range(self._logged + 1, step + 1):
            self._tracker.log(one, {"loss": progress.losses[one - 1], **ends.get(one, {})})
        self._logged = step
        self._tracker.flush()
        storage.write_bytes(self._uri, storage.to_json({"run": self._tracker.id, "step": step}))

    def _find_last_step(self) -> int:
        if self._tracker.last_step is not None:
            return self._tracker.last_step
        if not storage.exists(self._uri):
            return 0
        content = storage.read_json(self._uri)
        return int(content["step"]) if content["run"] == self._tracker.id else 0
