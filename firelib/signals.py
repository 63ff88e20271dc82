"""SIGTERM and Ctrl-C while Ray Train has the main thread."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def own_ctrl_c() -> Iterator[None]:
    """Ray Train takes SIGINT for itself, keeps it, and exits with code 0, as if training had ended well."""
    with _kept(signal.SIGINT):
        try:
            yield
        except SystemExit:
            raise KeyboardInterrupt from None


@contextmanager
def on_sigterm(handle: Callable[[], None]) -> Iterator[None]:
    """Call a function when this process is asked to end: spot machines, Kubernetes and systemd ask by SIGTERM.

    An error that it raises ends the block. Inside the block it is a KeyboardInterrupt: `ray.get` and asyncio's loop
    keep to themselves whatever else a signal handler raises, and wait on.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set a handler
        return
    raised: list[Exception] = []
    with _kept(signal.SIGTERM):
        signal.signal(signal.SIGTERM, lambda *_: _interrupting(handle, raised))
        try:
            yield
        except KeyboardInterrupt:
            if raised:
                raise raised[-1] from None
            raise


def _interrupting(handle: Callable[[], None], raised: list[Exception]) -> None:
    try:
        handle()
    except Exception as error:
        raised.append(error)
        raise KeyboardInterrupt from error


@contextmanager
def _kept(number: signal.Signals) -> Iterator[None]:
    on_main = threading.current_thread() is threading.main_thread()
    before: Any = signal.getsignal(number)
    try:
        yield
    finally:
        if on_main:
            signal.signal(number, before)
