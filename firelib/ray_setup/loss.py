"""End this process with one error if its Ray loses a process that nothing restarts."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

import psutil

from firelib.console import note_labelled
from firelib.errors import FirelibError

_INTERVAL_SECONDS = 0.3
_NAMES = {"gcs_server": "the GCS", "raylet": "the raylet"}


@contextmanager
def exit_on_loss(end: Callable[[FirelibError], None] | None = None) -> Iterator[None]:
    """Watch the GCS and the raylet that this process has started.

    Ray's own reaction is to wait for a minute and to end with dumps of its native code.

    Args:
        end: What to do with the error; by default, print it, kill all children of this process, and exit with code 1.
    """
    from ray._private import worker

    node, done = worker._global_node, threading.Event()

    def watch() -> None:
        while not done.wait(_INTERVAL_SECONDS):
            lost = [(_NAMES[name], process) for name, process in node.dead_processes() if name in _NAMES]
            if lost and not done.is_set():
                name, process = lost[0]
                (end or _exit)(_explain(name, process.pid, process.returncode))
                return

    thread = threading.Thread(target=watch, name="ray-watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _explain(name: str, pid: int, code: int) -> FirelibError:
    reason = f"signal {-code}" if code < 0 else f"exit code {code}"
    return FirelibError(
        f"Ray was lost: {name} (process {pid}) ended with {reason}",
        where="embedded Ray",
        remedy="run the same command again: it resumes; if this repeats, check the memory (firelib doctor), since the "
        "kernel kills processes with signal 9 when there is none left",
    )


def _exit(error: FirelibError) -> NoReturn:
    with suppress(psutil.Error):
        for child in psutil.Process().children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                child.kill()
    note_labelled("error:", "bold red", str(error))
    os._exit(error.exit_code)  # neither Ray's shutdown nor the main thread returns once its processes have ended
