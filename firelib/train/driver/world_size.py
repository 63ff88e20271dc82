"""Choose the number of workers of each attempt: as many as are wanted, or as have a free slot."""

from firelib.config import Train
from firelib.console import note
from firelib.errors import FirelibError
from firelib.signals import on_sigterm
from firelib.train.driver.growth import SLOT_SECONDS
from firelib.train.driver.node_probe import wait_for_worker_slots
from firelib.train.driver.resources import WorkerResources
from firelib.train.driver.slot_reservation import SlotReservation
from firelib.train.driver.worker_group import count_workers, raise_stopped

_PAUSE_SECONDS = 600.0  # after a failed growth; a node that comes back broken would otherwise stop training for ever
_RESERVE_SECONDS = 1.0  # for slots that are free; if they are taken at this moment, Ray Train waits for them
_GROWTH_WAITS = 12  # times train.start_seconds: only others' work can lack an end, and training could have gone on


class WorldSize:
    """The number of workers of the next attempt, given how earlier ones have ended.

    Args:
        settings: Section `train`.
        resources: Resources of each worker.
        reservation: Holds the slots of the additional workers when a group stops to grow.
    """

    def __init__(self, settings: Train, resources: WorkerResources, reservation: SlotReservation) -> None:
        self._settings, self._resources, self._reservation = settings, resources, reservation
        self._wanted, self._current = settings.workers, 0
        self._grown_from = 0  # workers before the growth that the next attempt is to bring, or 0
        self._failed_growths = 0

    @property
    def growth_pause(self) -> float:
        """Seconds that the next attempt trains before it may grow. They double with each growth that has failed."""
        return _PAUSE_SECONDS * 2 ** (self._failed_growths - 1) if self._failed_growths else 0.0

    def grow(self) -> None:
        """Let the next attempt have more workers than the last one. The slots of the additional ones are reserved."""
        self._grown_from = self._current

    def shrink(self, *, has_progressed: bool) -> None:
        """Let the next attempt have what is left after a loss.

        Args:
            has_progressed: Whether the lost attempt has saved a checkpoint.
        """
        self._reservation.release()
        self._wanted = self._settings.workers
        if self._grown_from and not has_progressed:
            self._wanted = self._grown_from
            self._failed_growths += 1
            note(f"more workers have failed: the next attempt does not grow for {self.growth_pause:.0f} s")
        self._grown_from = 0

    def choose(self) -> int:
        """Wait for worker slots; return how many workers to start.

        Raises:
            StoppedError: SIGTERM arrived.
            FirelibError: Fewer than `train.min_workers` slots became free.
        """
        with on_sigterm(raise_stopped):
            slots = self._wait_after_growth() if self._grown_from else self._wait(self._wanted)
        if slots < self._settings.min_workers:
            raise self._too_few_slots(slots)
        if slots < self._settings.workers:
            workers = count_workers(self._settings.workers)
            note(f"training with {slots} of {workers}; the global batches stay the same")
        if slots <= self._grown_from:
            self._grown_from = 0  # others have taken the slots that the workers gave up
        self._current = slots
        return slots

    def _wait(self, wanted: int) -> int:
        return wait_for_worker_slots(self._resources, wanted, self._settings.start_seconds)

    def _wait_after_growth(self) -> int:
        """Wait for the slots that the old workers give up, and reserve them beside those of the additional workers.

        If others have taken so many that training could not go on as before, wait longer than a start does: training
        that worked must not end because it wanted to grow.
        """
        reserved = self._reservation.slots
        free = wait_for_worker_slots(self._resources, self._grown_from, SLOT_SECONDS)
        if reserved + free < self._grown_from:
            free = self._wait(self._grown_from - reserved)
        for _ in range(_GROWTH_WAITS - 1):
            if reserved + free >= self._settings.min_workers:
                break
            free = self._wait(self._settings.min_workers - reserved)
        if free:  # until Ray Train's controller asks for them, other trainings must not see them as free
            self._reservation.reserve(free, _RESERVE_SECONDS)
        return reserved + free

    def _too_few_slots(self, slots: int) -> FirelibError:
        settings = self._settings
        times = f"{_GROWTH_WAITS} times " if self._grown_from else ""
        return FirelibError(
            f"training needs at least {settings.min_workers} free worker slots ({self._resources} each), got {slots}",
            where=f"the Ray cluster, within {times}train.start_seconds ({settings.start_seconds:g} s)",
            remedy="stop other work on the cluster, add nodes, or reduce train.min_workers or train.cpus_per_worker; "
            "the same command resumes from the last checkpoint",
        )
