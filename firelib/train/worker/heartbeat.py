"""A worker's heartbeats, sent from a background thread: a worker that waits for its peers still sends them."""

import os
import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import ray

from firelib.train.progress_actor import ProgressSnapshot, WorkerIdentity

_INTERVAL_SECONDS = 1.0


class Heartbeat:
    """Sends heartbeats, progress and notes to the progress actor, and receives the request to stop.

    As a context manager, it sends a heartbeat every second during the block.

    Args:
        board: Handle of the progress actor.
        rank: Rank of this worker.

    Attributes:
        stop_requested: Whether the driver has asked the workers to stop.
    """

    def __init__(self, board: Any, rank: int) -> None:
        self._board, self._progress, self._done = board, 0, threading.Event()
        actor = ray.get_runtime_context().current_actor
        self._worker = WorkerIdentity(rank, os.getpid(), socket.gethostname(), actor)
        self._thread = threading.Thread(target=self._send, name="heartbeat", daemon=True)
        self.stop_requested = False

    def register(self) -> None:
        """Tell the driver that this worker's process runs."""
        ray.get(self._board.register.remote(self._worker))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()
        self._board.deregister.remote(self._worker.rank)

    def record_progress(self) -> None:
        """Count one unit of work. Without any, the driver considers the worker stalled."""
        self._progress += 1

    def note(self, text: str) -> None:
        """Show one line to the user."""
        self._board.add_note.remote(text)

    def show_progress(self, snapshot: ProgressSnapshot) -> None:
        """Update the driver's progress display."""
        self._board.set_progress.remote(snapshot)

    def _send(self) -> None:
        while True:
            with suppress(ray.exceptions.RayError):  # the actor ends with the driver, and this worker soon after
                reply = self._board.heartbeat.remote(self._worker, self._progress)
                self.stop_requested = ray.get(reply, timeout=30)
            if self._done.wait(_INTERVAL_SECONDS):
                return
