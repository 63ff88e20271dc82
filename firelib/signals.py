"""Handle SIGTERM and Ctrl-C while Ray Train runs on the main thread."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def preserve_ctrl_c() -> Iterator[None]:
    """Raise KeyboardInterrupt on Ctrl-C, and restore the handler of SIGINT after the block.

    Ray Train installs a handler of its own, leaves it installed, and exits with code 0, as if training had succeeded.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed during the block.
    """
    with _restore_handler(signal.SIGINT):
        try:
            yield
        except SystemExit:
            raise KeyboardInterrupt from None


@contextmanager
def on_sigterm(handle: Callable[[], None]) -> Iterator[None]:
    """Call a function when this process receives SIGTERM, as from spot machines, Kubernetes and systemd.

    An error that the function raises ends the block. Inside the block it appears as KeyboardInterrupt, because
    `ray.get` and asyncio's event loop swallow everything else that a signal handler raises, and keep waiting.

    Args:
        handle: The function; it runs on the main thread. On other threads this context manager does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set a handler
        return
    raised: list[Exception] = []
    with _restore_handler(signal.SIGTERM):
        signal.signal(signal.SIGTERM, lambda *_: _call_and_interrupt(handle, raised))
        try:
            yield
        except KeyboardInterrupt:
            if raised:
                raise raised[-1] from None
            raise


def _call_and_interrupt(handle: Callable[[], None], raised: list[Exception]) -> None:
    try:
        handle()
    except Exception as error:
        raised.append(error)
        raise KeyboardInterrupt from error


@contextmanager
def _restore_handler(number: signal.Signals) -> Iterator[None]:
    on_main = threading.current_thread() is threading.main_thread()
    before: Any = signal.getsignal(number)
    try:
        yield
    finally:
        if on_main:
            signal.signal(number, before)
