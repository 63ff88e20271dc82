"""Live progress: rank 0 tells an actor how far it is, the driver shows it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import ray

from firelib.console import Advance, progress

_INTERVAL_SECONDS = 0.5


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


@ray.remote(num_cpus=0)
class LiveBoard:
    """Keeps the newest standing."""

    def __init__(self) -> None:
        self._standing: Standing | None = None

    def put(self, standing: Standing) -> None:
        self._standing = standing

    def get(self) -> Standing | None:
        return self._standing


@contextmanager
def live_board() -> Iterator[Any]:
    """A board that is shown, until the block ends, as a progress bar on this terminal."""
    board = LiveBoard.remote()  # type: ignore[attr-defined]  # added by the decorator
    done = threading.Event()
    with progress("train") as advance:
        thread = threading.Thread(target=_show, args=(board, advance, done), daemon=True)
        thread.start()
        try:
            yield board
        finally:
            done.set()
            thread.join(timeout=5)
            ray.kill(board)


def _show(board: Any, advance: Advance, done: threading.Event) -> None:
    while not done.wait(_INTERVAL_SECONDS):
        standing = ray.get(board.get.remote())
        if standing is not None:
            advance(standing.step, standing.steps, standing.text)
