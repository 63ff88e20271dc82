"""Timeouts of replicas from the platform, the job's time limit and the environment."""

import pytest

from firelib.launch.runtime.timeouts import Timeouts


def test_defaults_on_own_machines() -> None:
    assert Timeouts.from_environment({}) == Timeouts(peers=300.0, head=900.0, rejoin=60.0)


@pytest.mark.parametrize("platform", ["vertex", "kubernetes"])
def test_rented_machines_start_up_to_an_hour_apart(platform: str) -> None:
    assert Timeouts.from_environment({"FIRELIB_PLATFORM": platform}) == Timeouts(3600.0, 3600.0, 3600.0)


@pytest.mark.parametrize("limit", ["600", "86400"])
def test_on_rented_machines_the_time_limit_of_the_job_is_the_limit_of_the_wait(limit: str) -> None:
    environ = {"FIRELIB_PLATFORM": "vertex", "FIRELIB_JOB_SECONDS": limit}
    assert Timeouts.from_environment(environ).peers == float(limit)
    assert Timeouts.from_environment(environ).head == max(900.0, float(limit))


def test_the_time_limit_does_not_prolong_the_wait_on_own_machines() -> None:
    assert Timeouts.from_environment({"FIRELIB_JOB_SECONDS": "86400"}).peers == 300.0


@pytest.mark.parametrize("platform", ["", "vertex"])
def test_variables_override_the_defaults(platform: str) -> None:
    environ = {"FIRELIB_PEERS_SECONDS": "1", "FIRELIB_HEAD_SECONDS": "2.5", "FIRELIB_AGAIN_SECONDS": "3"}
    found = Timeouts.from_environment({**environ, "FIRELIB_PLATFORM": platform, "FIRELIB_JOB_SECONDS": "9"})
    assert found == Timeouts(peers=1.0, head=2.5, rejoin=3.0)
