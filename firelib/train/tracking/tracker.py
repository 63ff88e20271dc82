"""Experiment tracking: one run, continued over restarts, written by rank 0 only."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from firelib import storage
from firelib.train.checkpoint.state import TrainingProgress
from firelib.train.run_spec import TrainingJob
from firelib.train.tracking.tensorboard_tracker import TensorBoardTracker
from firelib.train.tracking.wandb_tracker import WandbTracker


class Tracker(Protocol):
    """Takes figures by step.

    Attributes:
        id: What a restart goes on with; None where nothing is kept.
    """

    id: str | None

    def log(self, step: int, values: Mapping[str, float]) -> None: ...

    def flush(self) -> None:
        """Make safe what was logged."""

    def finish(self, summary: Mapping[str, Any], exported: str | None) -> None:
        """End, with figures of the whole, and the URI of the exported model if the run is at its end."""


class NoTracker:
    """Keeps nothing."""

    id: str | None = None

    def log(self, step: int, values: Mapping[str, float]) -> None:
        pass

    def flush(self) -> None:
        pass

    def finish(self, summary: Mapping[str, Any], exported: str | None) -> None:
        pass


def start_tracker(job: TrainingJob, rank: int, continued: str | None, say: Callable[[str], None]) -> Tracker:
    """The tracker of this rank.

    Args:
        job: Says how to track.
        rank: Ranks other than 0 track nothing.
        continued: Id of the run to go on with; one of another tracker is left alone.
        say: Takes a line for the user.
    """
    if rank != 0 or job.tracking == "none":
        return NoTracker()
    if job.tracking == "tensorboard":
        return TensorBoardTracker(job.tensorboard_folder)
    return WandbTracker(job, None if continued == TensorBoardTracker.ID else continued, say)


class Journal:
    """Logs every step once: when a checkpoint holds it, for only then it is never trained again.

    A file in the run's folder says how far the log is, since offline W&B cannot be asked.

    Args:
        tracker: Takes the figures.
        job: Names the run's folder.
        steps: Steps of an epoch.
    """

    def __init__(self, tracker: Tracker, job: TrainingJob, steps: int) -> None:
        self._tracker, self._steps = tracker, steps
        self._uri = storage.join(job.run_uri, "tracked.json")
        self._logged = self._read() if tracker.id else 0

    def log_until(self, step: int, progress: TrainingProgress) -> None:
        """Log the steps that are not logged yet, up to one that is safe."""
        if step == self._steps * (len(progress.validation) + 1):
            step -= 1  # stopped before this epoch was validated: its last step waits for the metrics
        if self._tracker.id is None or step <= self._logged:
            return
        ends = {self._steps * (epoch + 1): metrics for epoch, metrics in enumerate(progress.validation)}
        for one in range(self._logged + 1, step + 1):
            self._tracker.log(one, {"loss": progress.losses[one - 1], **ends.get(one, {})})
        self._logged = step
        self._tracker.flush()
        storage.write_bytes(self._uri, storage.to_json({"run": self._tracker.id, "step": step}))

    def _read(self) -> int:
        if not storage.exists(self._uri):
            return 0
        content = storage.read_json(self._uri)
        return int(content["step"]) if content["run"] == self._tracker.id else 0
