"""Decide when a group that trains with fewer workers than wanted should restart with more of them.

The workers save a checkpoint and stop, and the next attempt resumes at the same step with more workers: no step is
repeated. Growing costs a start and the wait for the slots, so it has to save more time than both take.
"""

import time
from dataclasses import dataclass, field

from firelib.train.driver.node_probe import count_free_slots
from firelib.train.driver.resources import WorkerResources
from firelib.train.driver.slot_reservation import SlotReservation
from firelib.train.progress_actor import ProgressSnapshot

#: Longest wait for the slots that the workers give up when they stop to grow.
SLOT_SECONDS = 10.0

_INTERVAL_SECONDS = 5.0
_STABLE_PROBES = 2  # in a row: a slot that is free between two jobs is not worth a restart
_RESERVE_SECONDS = 2.0  # the slots were free a moment ago; whoever took them since keeps them


@dataclass
class Growth:
    """Watches for free worker slots during one attempt, and reserves them.

    Args:
        world_size: Workers of the attempt.
        wanted: Workers that params.yaml asks for.
        resources: Resources of each worker.
        reservation: Receives the slots of more workers.
        pause: Seconds of training before the nodes are probed.
    """

    world_size: int
    wanted: int
    resources: WorkerResources
    reservation: SlotReservation
    pause: float = 0.0
    _started: float = field(default_factory=time.monotonic, init=False)
    _trains_since: float = field(default=0.0, init=False)
    _first_step: int = field(default=0, init=False)
    _probed: float = field(default=0.0, init=False)
    _stable: int = field(default=0, init=False)

    def find_more_workers(self, snapshot: ProgressSnapshot | None) -> int:
        """Return with how many workers to restart now, or 0 to go on. Probes the nodes every few seconds.

        The slots of the additional workers are reserved then. Several trainings may see the same free slot; without
        the reservation, all of them would stop, and all but one in vain.

        Args:
            snapshot: How far training is; None before the first step.
        """
        if self.world_size >= self.wanted or snapshot is None:
            return 0
        now = time.monotonic()
        if not self._trains_since:
            self._trains_since, self._first_step = now, snapshot.step
        if now - self._trains_since < self.pause or now - self._probed < _INTERVAL_SECONDS:
            return 0
        self._probed = now
        possible = min(self.wanted, self.world_size + count_free_slots(self.resources))
        is_worth_it = possible > self.world_size and self._saves_time(snapshot, possible, now)
        self._stable = self._stable + 1 if is_worth_it else 0
        if self._stable < _STABLE_PROBES:
            return 0
        self._stable = 0
        return possible if self.reservation.reserve(possible - self.world_size, _RESERVE_SECONDS) else 0

    def _saves_time(self, snapshot: ProgressSnapshot, possible: int, now: float) -> bool:
        done = snapshot.step - self._first_step
        if not done:
            return False
        remaining = (snapshot.steps - snapshot.step) * (now - self._trains_since) / done
        cost = self._trains_since - self._started + SLOT_SECONDS
        return saved_seconds(remaining, self.world_size, possible) > cost


def saved_seconds(remaining: float, world_size: int, possible: int) -> float:
    """Seconds that more workers save if the rate follows their number, without the cost of the restart.

    Args:
        remaining: Seconds that training would go on with the present workers.
        world_size: The present number of workers.
        possible: Number of workers after the restart.
    """
    return remaining * (1 - world_size / possible)
