"""Say in one error that the Ray of this process has lost a process that nothing restarts."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

import psutil

from firelib.console import note_labelled
from firelib.errors import FirelibError

_INTERVAL_SECONDS = 0.3
_NAMES = {"gcs_server": "the GCS", "raylet": "the raylet"}


@contextmanager
def watch_for_loss(handle: Callable[[FirelibError], None]) -> Iterator[None]:
    """Watch the GCS and the raylet that this process has started; stop when this Ray is shut down.

    Ray's own reaction is to wait for a minute and to end with dumps of its native code.

    Args:
        handle: Called once with the error, on another thread.
    """
    from ray._private import worker

    node, done = worker._global_node, threading.Event()

    def watch() -> None:
        while not done.wait(_INTERVAL_SECONDS):
            # `ray.shutdown` kills these processes one after the other: only what is still missing later is lost.
            seen = _find_lost(node) and not done.wait(_INTERVAL_SECONDS) and worker._global_node is node
            if seen and (lost := _find_lost(node)):
                handle(_explain(*lost))
                return

    thread = threading.Thread(target=watch, name="ray-watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _find_lost(node: Any) -> tuple[str, int, int] | None:
    """Name, process id and exit code of a process that has ended and that Ray itself has not killed."""
    for name, process in node.dead_processes():
        if name in _NAMES:
            return _NAMES[name], process.pid, process.returncode
    return None


def _explain(name: str, pid: int, code: int) -> FirelibError:
    reason = f"signal {-code}" if code < 0 else f"exit code {code}"
    return FirelibError(
        f"Ray was lost: {name} (process {pid}) ended with {reason}",
        where="embedded Ray",
        remedy="run the same command again: it resumes; if this repeats, check the memory (firelib doctor), since the "
        "kernel kills processes with signal 9 when there is none left",
    )


def report_loss(error: FirelibError) -> None:
    """Print the error. What waits for Ray gets Ray's own error within a minute."""
    note_labelled("error:", "bold red", str(error))


def exit_after_loss(error: FirelibError) -> NoReturn:
    """Kill all children of this process, print the error, and exit with its code. Only a command may do so."""
    with suppress(psutil.Error):
        for child in psutil.Process().children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                child.kill()
    report_loss(error)
    os._exit(error.exit_code)  # neither Ray's shutdown nor the main thread returns once its processes have ended
