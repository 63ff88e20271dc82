"""Keep firelib's handler of SIGTERM while Ray connects."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch


@contextmanager
def keep_sigterm_handler() -> Iterator[None]:
    """Keep this process's handler of SIGTERM, if it has one, inside the block.

    `ray.init` replaces it (`ray/_private/worker.py`, 2.60) by one that calls `sys.exit` wherever the main thread is,
    which crashed the process while Ray's native code was running.
    """
    if signal.getsignal(signal.SIGTERM) in (signal.SIG_DFL, None):
        yield
        return
    from ray._private import utils

    with patch.object(utils, "set_sigterm_handler", _ignore):
        yield


def _ignore(_: object) -> None:
    pass
