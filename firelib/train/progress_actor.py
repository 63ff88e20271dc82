"""The actor between driver and workers: progress, heartbeats and notes one way, the stop request the other way."""

import time
from dataclasses import dataclass, field
from typing import Any

import ray

#: Phases of a worker before its first step, in order.
PHASES = ("importing TensorFlow", "building the model", "compiling the first step")
# Compiling and exporting are no steps and may take minutes: the limit without a step is this multiple of the limit
# without a heartbeat.
_STALL_FACTOR = 10


@dataclass(frozen=True)
class ProgressSnapshot:
    """How far training is.

    Attributes:
        epoch: Current epoch, counted from 1.
        epochs: Epochs of the run.
        step: Steps done.
        steps: Steps of the run.
        rows_per_second: Rate over all workers.
        loss: Loss of the latest step.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    rows_per_second: float
    loss: float

    @property
    def text(self) -> str:
        """One line for a progress display."""
        return f"epoch {self.epoch}/{self.epochs}  {self.rows_per_second:,.0f} rows/s  loss {self.loss:.4f}"


@dataclass(frozen=True)
class WorkerIdentity:
    """One worker's process.

    Attributes:
        rank: Rank of the worker.
        pid: Process id on its node.
        hostname: Name of its node.
        actor: Handle of its Ray actor.
    """

    rank: int
    pid: int
    hostname: str
    actor: Any = field(repr=False)

    def __str__(self) -> str:
        return f"worker of rank {self.rank} (process {self.pid} on {self.hostname})"


@dataclass
class _Liveness:
    """The latest heartbeat and the latest progress of a worker, in seconds of `time.monotonic` on the board."""

    worker: WorkerIdentity
    last_heartbeat: float
    progress: int
    last_progress: float


@dataclass(frozen=True)
class BoardUpdate:
    """What has changed since the driver's last poll.

    Attributes:
        snapshot: How far training is; None before the first step.
        notes: New lines for the user.
        lost: Description of what was lost or hangs, or None.
        workers: Actor handles of the registered workers.
        startup: What the start is waiting for, before the first step.
    """

    snapshot: ProgressSnapshot | None
    notes: list[str]
    lost: str | None
    workers: list[Any]
    startup: str = ""


class ProgressBoard:
    """Collects the progress and the heartbeats of all workers of one attempt.

    Args:
        hang_seconds: Seconds without a heartbeat before a worker is considered lost.
        world_size: Number of workers.
        start_seconds: Seconds within which all workers must send their first heartbeat.
    """

    def __init__(self, hang_seconds: float, world_size: int, start_seconds: float) -> None:
        self._hang_seconds, self._world_size, self._start_seconds = hang_seconds, world_size, start_seconds
        self._created = time.monotonic()
        self._registered: dict[int, WorkerIdentity] = {}
        self._up: set[int] = set()
        self._snapshot: ProgressSnapshot | None = None
        self._notes: list[str] = []
        self._liveness: dict[int, _Liveness] = {}
        self._phases: dict[int, str] = {}
        self._placement_groups: list[Any] = []
        self._stop_requested = False

    def set_progress(self, snapshot: ProgressSnapshot) -> None:
        """Replace the snapshot that the driver shows."""
        self._snapshot = snapshot

    def add_note(self, text: str) -> None:
        """Queue one line for the user."""
        self._notes.append(text)

    def set_phase(self, rank: int, phase: str) -> None:
        """Record what a worker is doing before its first step.

        Args:
            rank: Rank of the worker.
            phase: One of `PHASES`.
        """
        self._phases[rank] = phase

    def add_placement_group(self, placement_group: Any) -> None:
        """Record the workers' placement group, so that the driver can remove it if the train controller dies."""
        self._placement_groups.append(placement_group)

    def placement_groups(self) -> list[Any]:
        """Placement groups that were recorded."""
        return self._placement_groups

    def request_stop(self) -> None:
        """Ask the workers, in the reply to their next heartbeat, to save a checkpoint and stop."""
        self._stop_requested = True

    def register(self, worker: WorkerIdentity) -> None:
        """Record that a worker's process runs. It sends no heartbeats until all workers have joined the cluster."""
        self._registered[worker.rank] = worker

    def heartbeat(self, worker: WorkerIdentity, progress: int) -> bool:
        """Record that a worker is alive.

        Args:
            worker: The worker.
            progress: A count that grows with the worker's work.

        Returns:
            Whether the worker should stop.
        """
        now = time.monotonic()
        self._up.add(worker.rank)
        liveness = self._liveness.setdefault(worker.rank, _Liveness(worker, now, progress, now))
        liveness.last_heartbeat = now
        if progress != liveness.progress:
            liveness.progress, liveness.last_progress = progress, now
        return self._stop_requested

    def deregister(self, rank: int) -> None:
        """Forget a worker that has finished."""
        self._liveness.pop(rank, None)
        self._registered.pop(rank, None)

    def poll(self) -> BoardUpdate:
        """Return what has changed since the last call; notes are returned once."""
        notes, self._notes = self._notes, []
        alive = {rank: liveness.worker for rank, liveness in self._liveness.items()}
        actors = [worker.actor for worker in {**self._registered, **alive}.values()]
        return BoardUpdate(self._snapshot, notes, self._describe_loss(), actors, self._describe_startup())

    def _describe_startup(self) -> str:
        """Name the earliest phase that a worker is still in, and the number of workers in it."""
        if len(self._phases) < self._world_size:
            return f"{len(self._phases)} of {self._world_size} workers have started"
        earliest = min(self._phases.values(), key=PHASES.index)
        count = sum(phase == earliest for phase in self._phases.values())
        return f"{earliest} on {count} of {self._world_size} workers"

    def _describe_loss(self) -> str | None:
        return self._describe_missing() or self._describe_silent() or self._describe_stall()

    def _describe_missing(self) -> str | None:
        missing = self._world_size - len(self._up)
        if missing <= 0 or time.monotonic() - self._created <= self._start_seconds:
            return None
        return f"{missing} of {self._world_size} workers, which did not start within {self._start_seconds:.0f} s"

    def _describe_silent(self) -> str | None:
        if not self._liveness:
            return None
        oldest = min(self._liveness.values(), key=lambda liveness: liveness.last_heartbeat)
        silence = time.monotonic() - oldest.last_heartbeat
        return f"{oldest.worker}: no heartbeat for {silence:.0f} s" if silence > self._hang_seconds else None

    def _describe_stall(self) -> str | None:
        if not self._liveness:
            return None
        stalled = time.monotonic() - max(liveness.last_progress for liveness in self._liveness.values())
        if stalled <= _STALL_FACTOR * self._hang_seconds:
            return None
        return f"all workers: no step for {stalled:.0f} s, although all of them send heartbeats"


ProgressActor = ray.remote(num_cpus=0)(ProgressBoard)
