"""When a run is saved, and by whom: rank 0 writes in a thread of its own while training goes on."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from copy import deepcopy
from typing import Any

import numpy as np

from firelib.config import Checkpoint
from firelib.errors import FirelibError
from firelib.train.checkpoint import serialization
from firelib.train.checkpoint.serialization import Arrays
from firelib.train.checkpoint.state import TrainingProgress
from firelib.train.checkpoint.store import CheckpointStore
from firelib.train.timing import Meter

Report = Callable[[Mapping[str, float], str | None], None]


class Checkpointer:
    """Saves a run at the steps on which all workers agree.

    Every worker calls `save` after the same steps, since a report to Ray Train waits for all. One checkpoint is on its
    way at most; what goes wrong in its thread is raised by the next call.

    Args:
        store: Where checkpoints go.
        settings: When they are due.
        writes: Whether this worker writes (rank 0) or only reports.
        meter: Takes the seconds that training waits, and those that writing takes.
        report: Tells Ray Train the metrics and the folder of the checkpoint that has been written.
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
        """Rank 0 alone looks at a clock; the others hear of it in the next step's all-reduce."""
        seconds = self._settings.every_seconds
        return self._writes and seconds is not None and time.monotonic() - self._last >= seconds

    def is_due_by_steps(self, before: int, after: int) -> bool:
        every = self._settings.every_steps
        return every is not None and after // every > before // every

    def save(self, variables: Sequence[Any], progress: TrainingProgress, tell: bool = False) -> None:
        """Copy the state now, write it meanwhile.

        Args:
            variables: Of model and optimizer.
            progress: How far the run is.
            tell: Report what was safe before this. A report waits until Ray Train has taken the one before, which
                can be 2 s: so those that come fast one after the other (by steps, or short epochs) are not told.
        """
        with self._meter.time("checkpoint"):
            self._finish_pending()
            if tell:
                written = self._store.uri(self.committed) if self._writes and self.committed else None
                self._report({"step": float(progress.step), "loss": progress.losses[-1]}, written)
            if self._pool:
                values, frozen = serialization.copied(variables), deepcopy(progress)
                self._pending = self._pool.submit(self._write, values, frozen)
        self._last = time.monotonic()

    def poll(self) -> int:
        """The step of the newest checkpoint that is safe; never waits."""
        if self._pending and self._pending.done():
            self._finish_pending()
        return self.committed

    def finish(self) -> int:
        """Wait for the one on its way."""
        with self._meter.time("checkpoint"):
            self._finish_pending()
        return self.committed

    def _finish_pending(self) -> None:
        if self._pending:
            pending, self._pending = self._pending, None
            self.committed = pending.result()

    def _write(self, values: Arrays, progress: TrainingProgress) -> int:
        with self._meter.time("checkpoint_writing"):
            _refuse_not_finite(values, progress.step)
            serialization.save(self._store.uri(progress.step), values, progress)
            self._store.prune(self._settings.keep, progress.best.step if progress.best else None)
        return progress.step


def _refuse_not_finite(values: Arrays, step: int) -> None:
    """A checkpoint with such weights would take the place of the last good one."""
    if not all(np.isfinite(value).all() for value in values if value.dtype.kind == "f"):
        raise FirelibError(
            f"after step {step} some weights are infinite or no number",
            where="the update of that step: its loss was finite, its gradient not",
            remedy="a smaller train.lr, or train.clip_norm; the last good checkpoint is kept",
        )
