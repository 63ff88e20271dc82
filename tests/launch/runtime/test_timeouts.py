"""Timeouts of replicas from the environment."""

from firelib.launch.runtime.timeouts import Timeouts


def test_defaults() -> None:
    assert Timeouts.from_environment({}) == Timeouts(peers=300.0, head=900.0, rejoin=60.0)


def test_variables_override_the_defaults() -> None:
    environ = {"FIRELIB_PEERS_SECONDS": "1", "FIRELIB_HEAD_SECONDS": "2.5", "FIRELIB_AGAIN_SECONDS": "3"}
    assert Timeouts.from_environment(environ) == Timeouts(peers=1.0, head=2.5, rejoin=3.0)
