"""The driver's eye on the workers: shows how far they are, ends those that hang, passes on the wish to stop."""

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
from firelib.train.progress_actor import LiveBoard, News

_INTERVAL_SECONDS = 0.5


class Watch:
    """What is known about one start of workers.

    Attributes:
        board: The actor that workers talk to.
        stop: Set it to make the workers save and end.
        training: Set when the first step has been done: only then there is something to save.
        hang: Who was lost without a word, if that ended the workers.
        interrupts: Whether that hang, not somebody else, has sent SIGTERM.
    """

    def __init__(self, settings: Train, workers: int) -> None:
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        self.board: Any = LiveBoard.options(scheduling_strategy=here).remote(
            settings.hang_seconds, workers, settings.start_seconds
        )
        self.stop, self.training = threading.Event(), threading.Event()
        self.hang: str | None = None
        self.interrupts = False
        self._done = threading.Event()

    def run(self, advance: Advance) -> None:
        """Look at the board until the watch ends."""
        told = False
        while not self._done.wait(_INTERVAL_SECONDS):
            if self.stop.is_set() and not told:
                self.board.stop.remote()
                told = True
            self._take(ray.get(self.board.news.remote()), advance)

    def end(self) -> None:
        self._done.set()

    def release(self) -> None:
        """Free what the workers held, where Ray Train's controller died before it could."""
        with suppress(ray.exceptions.RayError):
            for placement_group in ray.get(self.board.held.remote()):
                remove_placement_group(placement_group)

    def _take(self, news: News, advance: Advance) -> None:
        for text in news.notes:
            note(text)
        if news.standing is not None:
            self.training.set()
            advance(news.standing.step, news.standing.steps, news.standing.text)
        else:
            advance(0, note=news.waiting)
        if news.hang and self.hang is None:
            self.hang = news.hang
            for worker in news.workers:
                ray.kill(worker)
            if not news.workers:  # nobody to end: what waits for them is interrupted, as by SIGTERM
                self.interrupts = True
                _thread.interrupt_main(signal.SIGTERM)


@contextmanager
def watched(settings: Train, workers: int) -> Iterator[Watch]:
    """Watch until the block ends, with a progress bar on this terminal."""
    watch = Watch(settings, workers)
    with progress("train") as advance:
        thread = threading.Thread(target=watch.run, args=(advance,), name="watch", daemon=True)
        thread.start()
        try:
            yield watch
        finally:
            watch.end()
            thread.join(timeout=5)
            ray.kill(watch.board)
