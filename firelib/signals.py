"""Handle SIGTERM and Ctrl-C: while a command runs, and while Ray Train runs on the main thread."""

import _thread
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

# SIGTERM for a process group reaches a stage twice: directly, and forwarded by `firelib run`. It is one request.
_SAME_REQUEST_SECONDS = 5.0

# How long the code that has swallowed an interrupt, such as the start of a C extension, has to return.
_REPEAT_SECONDS = 0.1


class Termination:
    """Whether SIGTERM has ended a command."""

    received: bool = False


@contextmanager
def sigterm_as_ctrl_c() -> Iterator[Termination]:
    """Handle SIGTERM like Ctrl-C during the block, so that both take the same way out.

    Libraries handle Ctrl-C: Ray Tune saves its study, and `ray.get` swallows what other signal handlers raise.

    Yields:
        Whether SIGTERM has arrived. On other threads than the main one, this context manager does nothing.
    """
    termination = Termination()
    if threading.current_thread() is not threading.main_thread():
        yield termination  # only the main thread may set a handler
        return

    def interrupt() -> None:
        termination.received = True
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in background commands of a shell
            signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.raise_signal(signal.SIGINT)

    with _restore_handler(signal.SIGINT), _restore_handler(signal.SIGTERM), _repeat_swallowed_interrupts():
        signal.signal(signal.SIGTERM, _once_per_request(interrupt))
        yield termination


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
        handle: The function; it runs on the main thread. On other threads this context manager does nothing. A signal
            within five seconds of another one is the same request.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set a handler
        return
    raised: list[Exception] = []
    with _restore_handler(signal.SIGTERM), _repeat_swallowed_interrupts():
        signal.signal(signal.SIGTERM, _once_per_request(lambda: _call_and_interrupt(handle, raised)))
        try:
            yield
        except KeyboardInterrupt:
            if raised:
                raise raised[-1] from None
            raise


def _once_per_request(handle: Callable[[], None]) -> Callable[..., None]:
    last = -_SAME_REQUEST_SECONDS

    def handle_signal(*_: object) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _SAME_REQUEST_SECONDS:
            last = now
            handle()

    return handle_signal


def _call_and_interrupt(handle: Callable[[], None], raised: list[Exception]) -> None:
    try:
        handle()
    except Exception as error:
        raised.append(error)
        raise KeyboardInterrupt from error


@contextmanager
def _repeat_swallowed_interrupts() -> Iterator[None]:
    """Interrupt the main thread again where Python could not raise KeyboardInterrupt, and only reported it.

    That happens if the signal arrives in a finalizer, a callback of C code, or the start of an extension such as Ray's:
    the command would go on, as if there had been no signal.
    """
    before = sys.unraisablehook
    timers: list[threading.Timer] = []

    def repeat(unraisable: "sys.UnraisableHookArgs") -> None:
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            before(unraisable)
            return
        timers.append(threading.Timer(_REPEAT_SECONDS, _thread.interrupt_main))
        timers[-1].daemon = True
        timers[-1].start()

    sys.unraisablehook = repeat
    try:
        yield
    finally:
        sys.unraisablehook = before
        for timer in timers:
            timer.cancel()


@contextmanager
def _restore_handler(number: signal.Signals) -> Iterator[None]:
    on_main = threading.current_thread() is threading.main_thread()
    before: Any = signal.getsignal(number)
    try:
        yield
    finally:
        if on_main:
            signal.signal(number, before)
