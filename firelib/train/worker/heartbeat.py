"""A worker's signs of life, from a thread of their own: a worker that waits for others still beats."""

import os
import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import ray

from firelib.train.progress_actor import Place, Standing

_EVERY_SECONDS = 1.0


class Heartbeat:
    """Tells the board that this worker lives and moves, and hears from it whether to stop.

    Args:
        board: The driver's live board.
        rank: This worker's.
    """

    def __init__(self, board: Any, rank: int) -> None:
        self._board, self._moves, self._done = board, 0, threading.Event()
        actor = ray.get_runtime_context().current_actor
        self._place = Place(rank, os.getpid(), socket.gethostname(), actor)
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self.stop_wanted = False

    def arrive(self) -> None:
        """Say that this worker is there; whether it trains is said by its beats."""
        ray.get(self._board.arrive.remote(self._place))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()
        self._board.leave.remote(self._place.rank)

    def move(self) -> None:
        """Something was done."""
        self._moves += 1

    def say(self, text: str) -> None:
        """One line for the user."""
        self._board.say.remote(text)

    def show(self, standing: Standing) -> None:
        self._board.put.remote(standing)

    def _beat(self) -> None:
        while True:
            with suppress(ray.exceptions.RayError):  # the board goes with the driver, and this worker soon after
                self.stop_wanted = ray.get(self._board.beat.remote(self._place, self._moves), timeout=30)
            if self._done.wait(_EVERY_SECONDS):
                return
