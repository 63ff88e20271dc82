import os
import signal
import sys
import threading

import pytest
import ray

from firelib.errors import StoppedError
from firelib.signals import on_sigterm, preserve_ctrl_c, sigterm_as_ctrl_c
from tests.patience import patience, wait_until


def interrupted() -> None:
    with preserve_ctrl_c():
        signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
        signal.raise_signal(signal.SIGINT)


def test_ctrl_c_in_ray_train_is_a_keyboard_interrupt() -> None:
    """Ray Train's handler calls `sys.exit(0)`, which DVC would take for success."""
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert signal.getsignal(signal.SIGINT) is before


def stop() -> None:
    raise StoppedError("stopped")


@pytest.mark.usefixtures("ray_cluster")
def test_sigterm_ends_the_wait_for_ray() -> None:
    """`ray.get` swallows what a signal handler raises, and keeps waiting, unless it is a KeyboardInterrupt."""
    never = ray.remote(num_cpus=0)(threading.Event).remote()
    soon = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM))
    before = signal.getsignal(signal.SIGTERM)
    soon.start()
    with pytest.raises(StoppedError), on_sigterm(stop):
        ray.get(never.wait.remote(), timeout=patience(60))
    assert signal.getsignal(signal.SIGTERM) is before
    ray.kill(never)


def test_ctrl_c_inside_on_sigterm_stays_a_keyboard_interrupt() -> None:
    with pytest.raises(KeyboardInterrupt), on_sigterm(stop):
        raise KeyboardInterrupt


def test_repeated_sigterm_is_one_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process group gets the signal, and `firelib run` forwards it; the next request is another one."""
    requests: list[None] = []
    with on_sigterm(lambda: requests.append(None)):
        for _ in range(3):
            signal.raise_signal(signal.SIGTERM)
        assert len(requests) == 1
        monkeypatch.setattr("time.monotonic", lambda: float("inf"))
        signal.raise_signal(signal.SIGTERM)
    assert len(requests) == 2


class SignalledWhileFinalized:
    """Python only reports what is raised while it finalizes an object, as while it starts some C extensions."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGTERM)


def work_on_after_a_swallowed_signal() -> None:
    SignalledWhileFinalized()
    wait_until(lambda: False, 60, "the interrupt is repeated")


@pytest.mark.parametrize("handler", [signal.default_int_handler, signal.SIG_IGN], ids=["foreground", "background"])
def test_swallowed_sigterm_ends_the_command_a_moment_later(handler: signal.Handlers) -> None:
    before = signal.signal(signal.SIGINT, handler)
    try:
        with pytest.raises(KeyboardInterrupt), sigterm_as_ctrl_c():
            work_on_after_a_swallowed_signal()
        assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_swallowed_error_of_a_handler_ends_the_block_a_moment_later() -> None:
    with pytest.raises(StoppedError), on_sigterm(stop):
        work_on_after_a_swallowed_signal()


@pytest.mark.parametrize("handler", [signal.default_int_handler, signal.SIG_IGN], ids=["foreground", "background"])
def test_sigterm_takes_the_way_of_ctrl_c(handler: signal.Handlers) -> None:
    terminate = signal.getsignal(signal.SIGTERM)
    before = signal.signal(signal.SIGINT, handler)
    try:
        with sigterm_as_ctrl_c() as sigterm:
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGTERM)
            assert sigterm.received
    finally:
        signal.signal(signal.SIGINT, before)
    assert signal.getsignal(signal.SIGTERM) is terminate
