"""Monitor the workers of an attempt: show their progress, kill them if one hangs, stop them on request or to grow."""

import _thread
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import ray
from ray.util.placement_group import remove_placement_group
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from firelib.config import Train
from firelib.console import Advance, note, progress
from firelib.train.driver.growth import Growth
from firelib.train.progress_actor import BoardUpdate, ProgressActor, ProgressSnapshot

_INTERVAL_SECONDS = 0.5


class Monitor:
    """Polls the progress actor of one attempt.

    Args:
        settings: Section `train`.
        growth: Decides whether more workers are worth a restart.

    Attributes:
        board: Handle of the progress actor.
        stop_requested: Set this event to make the workers save a checkpoint and stop.
        has_trained: This event is set after the first step. Before it there is nothing to save.
        grown: Number of workers to restart with, if the monitor has stopped the workers because there are more slots;
            otherwise 0.
        lost: Description of the lost or hanging workers, if the monitor has ended the attempt because of them.
        sends_sigterm: Whether the monitor has sent SIGTERM to this process. There were no workers to kill, so it
            interrupts whatever waits for them.
    """

    def __init__(self, settings: Train, growth: Growth) -> None:
        this_node = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        self.board: Any = ProgressActor.options(scheduling_strategy=this_node).remote(
            settings.hang_seconds, growth.world_size, settings.start_seconds
        )
        self.stop_requested, self.has_trained = threading.Event(), threading.Event()
        self._growth, self._may_grow, self.grown = growth, True, 0
        self.lost: str | None = None
        self.sends_sigterm = False
        self._done = threading.Event()

    def run(self, advance: Advance) -> None:
        """Poll until `finish` is called.

        Args:
            advance: Updates the progress display.
        """
        forwarded = False
        while not self._done.wait(_INTERVAL_SECONDS):
            if self.stop_requested.is_set() and not forwarded:
                self.board.request_stop.remote()
                forwarded = True
            self._handle(ray.get(self.board.poll.remote()), advance)

    def finish(self) -> None:
        """End `run`."""
        self._done.set()

    def remove_placement_groups(self) -> None:
        """Free the workers' resources, in case Ray Train's controller died before it could."""
        with suppress(ray.exceptions.RayError):
            for placement_group in ray.get(self.board.placement_groups.remote()):
                remove_placement_group(placement_group)

    def _handle(self, update: BoardUpdate, advance: Advance) -> None:
        for text in update.notes:
            note(text)
        if update.snapshot is not None:
            self.has_trained.set()
            advance(update.snapshot.step, update.snapshot.steps, update.snapshot.text)
            self._grow(update.snapshot)
        else:
            advance(0, note=update.startup)
        if update.lost and self.lost is None:
            self.lost = update.lost
            self._end_attempt(update.workers)

    def _grow(self, snapshot: ProgressSnapshot) -> None:
        if self.grown or not self._may_grow or self.stop_requested.is_set():
            return
        try:
            self.grown = self._growth.find_more_workers(snapshot)
        except Exception as error:  # noqa: BLE001  Ray raises whatever its client does, and this thread must go on
            self._may_grow = False
            note(f"these workers do not grow in number: cannot probe the nodes ({error})")
        if self.grown:
            note(f"worker slots became free: restarting with {self.grown} workers at the next step")
            self.board.request_stop.remote()

    def _end_attempt(self, workers: list[Any]) -> None:
        for worker in workers:
            ray.kill(worker)
        if not workers:
            self.sends_sigterm = True
            _thread.interrupt_main(signal.SIGTERM)


@contextmanager
def monitor_workers(settings: Train, growth: Growth) -> Iterator[Monitor]:
    """Monitor workers during the block, with a progress bar on this terminal.

    Args:
        settings: Section `train`.
        growth: Decides whether more workers are worth a restart.

    Yields:
        The monitor, whose `board` the workers report to.
    """
    monitor = Monitor(settings, growth)
    with progress("train") as advance:
        thread = threading.Thread(target=monitor.run, args=(advance,), name="monitor", daemon=True)
        thread.start()
        try:
            yield monitor
        finally:
            monitor.finish()
            thread.join(timeout=5)
            ray.kill(monitor.board)
