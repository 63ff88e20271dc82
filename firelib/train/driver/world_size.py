"""Choose the number of workers of each attempt: as many as are wanted, or as have a free slot."""

from firelib.config import Train
from firelib.console import note
from firelib.errors import FirelibError
from firelib.signals import on_sigterm
from firelib.train.driver.growth import SLOT_SECONDS
from firelib.train.driver.node_probe import wait_for_worker_slots
from firelib.train.driver.resources import WorkerResources
from firelib.train.driver.worker_group import count_workers, raise_stopped

_PAUSE_SECONDS = 600.0  # after a failed growth; a node that comes back broken would otherwise stop training for ever
_GROWTH_WAITS = 12  # times train.start_seconds: only others' work can lack an end, and training could have gone on


class WorldSize:
    """The number of workers of the next attempt, given how earlier ones have ended.

    Args:
        settings: Section `train`.
        resources: Resources of each worker.
    """

    def __init__(self, settings: Train, resources: WorkerResources) -> None:
        self._settings, self._resources = settings, resources
        self._wanted, self._current = settings.workers, 0
        self._grown_from = 0  # workers before the growth that the next attempt is to bring, or 0
        self._failed_growths = 0

    @property
    def growth_pause(self) -> float:
        """Seconds that the next attempt trains before it may grow. They double with each growth that has failed."""
        return _PAUSE_SECONDS * 2 ** (self._failed_growths - 1) if self._failed_growths else 0.0

    def grow(self, workers: int) -> None:
        """Let the next attempt have more workers than the last one, for which there were slots a moment ago."""
        self._wanted, self._grown_from = workers, self._current

    def shrink(self, *, has_progressed: bool) -> None:
        """Let the next attempt have what is left after a loss.

        Args:
            has_progressed: Whether the lost attempt has saved a checkpoint.
        """
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
            self._grown_from = 0  # others were faster
        self._current = slots
        return slots

    def _wait(self, wanted: int) -> int:
        return wait_for_worker_slots(self._resources, wanted, self._settings.start_seconds)

    def _wait_after_growth(self) -> int:
        """Wait for the slots that were free a moment ago, but not for long: with fewer, training can go on as before.

        If others have taken even the slots that the workers gave up, wait longer than a start does: training that
        worked must not end because it wanted to grow.
        """
        slots = wait_for_worker_slots(self._resources, self._wanted, SLOT_SECONDS)
        if slots < self._grown_from:
            slots = self._wait(self._grown_from)
        for _ in range(_GROWTH_WAITS - 1):
            if slots >= self._settings.min_workers:
                break
            slots = self._wait(self._settings.min_workers)
        return slots

    def _too_few_slots(self, slots: int) -> FirelibError:
        settings = self._settings
        times = f"{_GROWTH_WAITS} times " if self._grown_from else ""
        return FirelibError(
            f"training needs at least {settings.min_workers} free worker slots ({self._resources} each), got {slots}",
            where=f"the Ray cluster, within {times}train.start_seconds ({settings.start_seconds:g} s)",
            remedy="stop other work on the cluster, add nodes, or reduce train.min_workers or train.cpus_per_worker; "
            "the same command resumes from the last checkpoint",
        )
