"""One training of a run at a time: two would remove each other's checkpoints."""

import _thread
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from firelib import storage
from firelib.console import note
from firelib.project_layout import Paths


@contextmanager
def hold_run(run_id: str, paths: Paths) -> Iterator[None]:
    """Hold a run for the duration of the block, also against processes of other hosts that use the same storage root.

    Args:
        run_id: The run.
        paths: Where the storage root is.

    Raises:
        FirelibError: Another process trains the run.
    """

    def stop() -> None:
        note(f"another process has taken over run {run_id}, since this one did not respond: stopping")
        _thread.interrupt_main(signal.SIGTERM)

    with storage.hold_lease(locate_lease(run_id, paths), storage.Work(f"training run {run_id}", note, stop)):
        yield


def locate_lease(run_id: str, paths: Paths) -> str:
    """URI of the file that names the process that trains a run.

    Args:
        run_id: The run.
        paths: Where the storage root is.
    """
    return storage.join(paths.leases, f"{run_id}.json")
