"""Say once that kernels are being compiled, if it takes longer than a second: the first use on a machine."""

import sys
import time
from typing import Any

from numba.core import event

_PATIENCE_SECONDS = 1.0
_MESSAGE = "compiling kernels, about 20 s, once per machine\n"


class _Announcement(event.Listener):  # type: ignore[misc]  # Numba has no types
    """Adds up the time in which this process compiles firelib's kernels; Numba loads cached ones without an event."""

    def __init__(self) -> None:
        self._seconds, self._since, self._said = 0.0, 0.0, False

    def on_start(self, event: Any) -> None:
        if _is_kernel(event):
            self._since = time.monotonic()

    def on_end(self, event: Any) -> None:
        if _is_kernel(event):
            self._seconds += time.monotonic() - self._since
            self._say()

    def _say(self) -> None:
        if self._seconds > _PATIENCE_SECONDS and not self._said:
            self._said = True
            sys.stderr.write(_MESSAGE)
            sys.stderr.flush()


def _is_kernel(event: Any) -> bool:
    dispatcher = (event.data or {}).get("dispatcher")
    return str(getattr(dispatcher, "__module__", "")).startswith(__package__)


_announcement = _Announcement()


def announce() -> None:
    """Announce compilations of this process from now on."""
    event.register("numba:compile", _announcement)
