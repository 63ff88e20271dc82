"""How a replica ends after SIGTERM: with its exit code, or by waiting for the platform to end it."""

import signal

import pytest

from firelib.launch.runtime.entrypoint import await_end
from firelib.launch.runtime.platforms import OWN_MACHINES, PLATFORMS
from firelib.launch.runtime.stage_runner import ShutdownFlag
from tests.launch.runtime.scaled_clock import ScaledClock


@pytest.fixture(autouse=True)
def restored_handler():
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(
    ("code", "is_told", "platform", "waits"),
    [
        (75, True, PLATFORMS["vertex"], True),
        (143, True, PLATFORMS["vertex"], True),
        (0, True, PLATFORMS["vertex"], False),  # the stage has finished all the same
        (75, False, PLATFORMS["vertex"], False),  # its own time limit
        (1, False, PLATFORMS["vertex"], False),
        (75, True, PLATFORMS["kubernetes"], False),
        (75, True, OWN_MACHINES, False),
    ],
)
def test_only_where_an_exit_would_end_the_job_a_replica_waits_to_be_ended(code, is_told, platform, waits, capsys):
    shutdown, time = ShutdownFlag(), ScaledClock()
    if is_told:
        shutdown.set()
    assert await_end(code, shutdown, platform, time.clock) == code
    assert (time.seconds >= 600) == waits
    assert ("waiting to be ended" in capsys.readouterr().err) == waits


def test_a_second_sigterm_does_not_end_the_wait():
    shutdown, time = ShutdownFlag(), ScaledClock()
    shutdown.set()
    time.at(60, lambda: signal.raise_signal(signal.SIGTERM))
    assert await_end(75, shutdown, PLATFORMS["vertex"], time.clock) == 75
    assert time.seconds >= 600
