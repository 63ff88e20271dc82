"""One training of a run at a time: two would remove each other's checkpoints."""

import _thread
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from firelib import storage
from firelib.console import note
from firelib.train.run_spec import RunSpec


@contextmanager
def hold_run(spec: RunSpec) -> Iterator[None]:
    """Hold a run for the duration of the block, also against processes of other hosts that use the same storage root.

    Args:
        spec: The run.

    Raises:
        FirelibError: Another process trains the run.
    """

    def stop() -> None:
        note(f"another process has taken over run {spec.run_id}, since this one did not respond: stopping")
        _thread.interrupt_main(signal.SIGTERM)

    with storage.hold_lease(spec.lease_uri, storage.Work(f"training run {spec.run_id}", note, stop)):
        yield
