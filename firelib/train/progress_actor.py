"""The board where workers say how far they are, and where the driver sees that they live, or tells them to stop."""

import time
from dataclasses import dataclass, field
from typing import Any

import ray

#: What a worker does before its first step, in order.
PHASES = ("importing TensorFlow", "building the model", "compiling the first step")
_STILL = 10  # times the silence that counts as lost: compiling and exporting are no steps, and may take minutes


@dataclass(frozen=True)
class Standing:
    """How far training is: epochs and steps are counted from 1 when shown."""

    epoch: int
    epochs: int
    step: int
    steps: int
    rows_per_second: float
    loss: float

    @property
    def text(self) -> str:
        return f"epoch {self.epoch}/{self.epochs}  {self.rows_per_second:,.0f} rows/s  loss {self.loss:.4f}"


@dataclass(frozen=True)
class Place:
    """Where a worker runs."""

    rank: int
    pid: int
    host: str
    actor: Any = field(repr=False)

    def __str__(self) -> str:
        return f"worker of rank {self.rank} (process {self.pid} on {self.host})"


@dataclass
class _Life:
    """The last signs of a worker, in seconds of `time.monotonic` on the board."""

    place: Place
    heard: float
    moves: int
    moved: float


@dataclass(frozen=True)
class News:
    """What the driver has not seen yet.

    Attributes:
        standing: How far training is; None before the first step.
        notes: Lines for the user.
        hang: Who was lost without a word, if anyone.
        workers: Actors of the workers that have arrived.
        waiting: What is being waited for before the first step.
    """

    standing: Standing | None
    notes: list[str]
    hang: str | None
    workers: list[Any]
    waiting: str = ""


class Board:
    """Keeps the newest standing and every worker's signs of life.

    Args:
        hang_seconds: Silence that counts as lost.
        workers: How many are to come up.
        start_seconds: How long they may take for that.
    """

    def __init__(self, hang_seconds: float, workers: int, start_seconds: float) -> None:
        self._hang_seconds, self._workers, self._start_seconds = hang_seconds, workers, start_seconds
        self._begun = time.monotonic()
        self._arrived: dict[int, Place] = {}
        self._up: set[int] = set()
        self._standing: Standing | None = None
        self._notes: list[str] = []
        self._lives: dict[int, _Life] = {}
        self._phases: dict[int, str] = {}
        self._held: list[Any] = []
        self._stop = False

    def put(self, standing: Standing) -> None:
        self._standing = standing

    def say(self, text: str) -> None:
        self._notes.append(text)

    def phase(self, rank: int, text: str) -> None:
        """What a worker is busy with before its first step."""
        self._phases[rank] = text

    def hold(self, placement_group: Any) -> None:
        """The workers' placement group, to be freed if nobody else does."""
        self._held.append(placement_group)

    def held(self) -> list[Any]:
        return self._held

    def stop(self) -> None:
        """Ask the workers to save and end."""
        self._stop = True

    def arrive(self, place: Place) -> None:
        """A worker's process runs; until all of them do, it waits for the others without a beat."""
        self._arrived[place.rank] = place

    def beat(self, place: Place, moves: int) -> bool:
        """A sign of life.

        Args:
            place: Who.
            moves: How much it has done (any count that grows).

        Returns:
            Whether it should stop.
        """
        now = time.monotonic()
        self._up.add(place.rank)
        life = self._lives.setdefault(place.rank, _Life(place, now, moves, now))
        life.heard = now
        if moves != life.moves:
            life.moves, life.moved = moves, now
        return self._stop

    def leave(self, rank: int) -> None:
        """A worker has come to its end."""
        self._lives.pop(rank, None)
        self._arrived.pop(rank, None)

    def news(self) -> News:
        notes, self._notes = self._notes, []
        places = {**self._arrived, **{rank: life.place for rank, life in self._lives.items()}}
        actors = [place.actor for place in places.values()]
        return News(self._standing, notes, self._hang(), actors, self._waiting())

    def _waiting(self) -> str:
        """What the start is waiting for: the earliest phase that a worker is still in."""
        if len(self._phases) < self._workers:
            return f"{len(self._phases)} of {self._workers} workers have started"
        first = min(self._phases.values(), key=PHASES.index)
        behind = sum(phase == first for phase in self._phases.values())
        return f"{first} on {behind} of {self._workers} workers"

    def _hang(self) -> str | None:
        """Who is lost without a word, if anyone."""
        now, limit = time.monotonic(), self._hang_seconds
        missing = self._workers - len(self._up)
        if missing > 0 and now - self._begun > self._start_seconds:
            return f"{missing} of {self._workers} workers, which did not come up within {self._start_seconds:.0f} s"
        silent = [life for life in self._lives.values() if now - life.heard > limit]
        if silent:
            first = min(silent, key=lambda life: life.heard)
            return f"{first.place} has given no sign of life for {now - first.heard:.0f} s"
        if self._lives and all(now - life.moved > _STILL * limit for life in self._lives.values()):
            waited = min(now - life.moved for life in self._lives.values())
            return f"no worker has made a step for {waited:.0f} s, though all of them live"
        return None


LiveBoard = ray.remote(num_cpus=0)(Board)
