"""Write checkpoints during training: rank 0 writes in a background thread while training goes on."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from copy import deepcopy

import numpy as np

from firelib.config import Checkpoint
from firelib.errors import FirelibError
from firelib.train.checkpoint import serialization
from firelib.train.checkpoint.state import TrainingProgress
from firelib.train.checkpoint.store import CheckpointStore
from firelib.train.keras_types import Array, Variable
from firelib.train.timing import Meter

#: Reports metrics and the URI of a checkpoint, or None, to Ray Train.
Report = Callable[[Mapping[str, float], str | None], None]


class Checkpointer:
    """Saves a run at steps on which all workers agree.

    Every worker calls `save` after the same steps, because a report to Ray Train is a barrier. At most one write is in
    flight; an error in the background thread is raised by the next call.

    Args:
        store: Receives the checkpoints.
        settings: When checkpoints are due, and how many stay.
        writes: Whether this worker writes (rank 0) or only reports.
        meter: Measures how long training waits, and how long writing takes.
        report: Reports the metrics and the newest written checkpoint to Ray Train.

    Attributes:
        committed: Step of the newest checkpoint that is completely written; 0 before the first one.
    """

    def __init__(
        self, store: CheckpointStore, settings: Checkpoint, writes: bool, meter: Meter, report: Report
    ) -> None:
        self._store, self._settings, self._writes, self._meter, self._report = store, settings, writes, meter, report
        self._pool = ThreadPoolExecutor(1, "checkpoint") if writes else None
        self._pending: Future[int] | None = None
        self._last = time.monotonic()
        self.committed = 0

    @property
    def is_due_by_time(self) -> bool:
        """Whether `checkpoint.every_seconds` have passed. Only rank 0 reads a clock; it votes in the train step."""
        seconds = self._settings.every_seconds
        return self._writes and seconds is not None and time.monotonic() - self._last >= seconds

    def is_due_by_steps(self, before: int, after: int) -> bool:
        """Whether a multiple of `checkpoint.every_steps` lies between two counts of steps.

        Args:
            before: Steps done before the latest call of the train step.
            after: Steps done after it.
        """
        every = self._settings.every_steps
        return every is not None and after // every > before // every

    def save(self, variables: Sequence[Variable], progress: TrainingProgress, report: bool = False) -> None:
        """Copy the state now and write it in the background.

        Args:
            variables: Variables of model and optimizer.
            progress: Progress of the run.
            report: Whether to report the checkpoint before this one to Ray Train. A report waits until Ray Train has
                taken the previous report, up to 2 s. Checkpoints that may follow each other quickly (by steps, or at
                the end of short epochs) are therefore not reported.
        """
        with self._meter.time("checkpoint"):
            self._finish_pending()
            if report:
                written = self._store.uri(self.committed) if self._writes and self.committed else None
                self._report({"step": float(progress.step), "loss": progress.losses[-1]}, written)
            if self._pool:
                values, frozen = serialization.copy_values(variables), deepcopy(progress)
                self._pending = self._pool.submit(self._write, values, frozen)
        self._last = time.monotonic()

    def poll(self) -> int:
        """Return the step of the newest checkpoint that is completely written, without waiting."""
        if self._pending and self._pending.done():
            self._finish_pending()
        return self.committed

    def finish(self) -> int:
        """Wait for the write in flight and return its step."""
        with self._meter.time("checkpoint"):
            self._finish_pending()
        return self.committed

    def _finish_pending(self) -> None:
        if self._pending:
            pending, self._pending = self._pending, None
            self.committed = pending.result()

    def _write(self, values: list[Array], progress: TrainingProgress) -> int:
        with self._meter.time("checkpoint_writing"):
            _require_finite(values, progress.step)
            uri = self._store.uri(progress.step)
            serialization.save(uri, values, progress)
            with self._meter.time("checkpoint_verifying"):
                serialization.verify(uri)
            self._store.prune(progress.step, self._settings.keep, progress.best.step if progress.best else None)
        return progress.step


def _require_finite(values: list[Array], step: int) -> None:
    """A checkpoint with infinite weights would eventually replace the last good one."""
    if not all(np.isfinite(value).all() for value in values if value.dtype.kind == "f"):
        raise FirelibError(
            f"some weights are infinite or NaN after step {step}",
            where=f"the optimizer's update of step {step}: its loss was finite, its gradient was not",
            remedy="reduce train.lr or set train.clip_norm; the last good checkpoint is kept",
        )
