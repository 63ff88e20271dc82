"""What the dashboard says, and how its refusals are told."""

import pytest

from firelib.cluster.head_api import HeadUnavailableError, Job, read_jobs, read_nodes
from firelib.errors import FirelibError
from tests.cluster.stand_ins import FIRST, HEAD, Dashboard, FakeSsh
from tests.errors import refused

RUNNING = {"submission_id": "run-1", "status": "RUNNING", "start_time": 2_000_000, "end_time": None}
DONE = {"submission_id": None, "job_id": "01", "status": "SUCCEEDED", "start_time": 1_000_000, "end_time": 1_500_000}


@pytest.fixture
def url(ssh: FakeSsh, head: Dashboard) -> str:
    """With a home that has the token."""
    return f"http://{head.address}"


def test_nodes_with_their_gpus(url: str, head: Dashboard) -> None:
    head.alive, head.dead = [HEAD], [FIRST]
    assert [(node.address, node.is_alive, node.gpus) for node in read_nodes(url)] == [
        (HEAD, True, 1),
        (FIRST, False, 1),
    ]


def test_jobs_in_the_order_of_their_start(url: str, head: Dashboard) -> None:
    head.jobs = [RUNNING, DONE]
    assert read_jobs(url) == [Job("01", "SUCCEEDED", 1000.0, 1500.0), Job("run-1", "RUNNING", 2000.0, None)]
    assert [job.is_active for job in read_jobs(url)] == [False, True]


def test_a_ray_that_starts_is_unavailable(url: str, head: Dashboard) -> None:
    head.is_up = False
    with refused(what="503", where=url, kind=HeadUnavailableError):
        read_nodes(url)


def test_a_head_without_ray_is_unavailable() -> None:
    with refused(where="http://127.0.0.1:1", remedy="make cluster-up", kind=HeadUnavailableError):
        read_nodes("http://127.0.0.1:1")


def test_a_connection_that_breaks_in_the_middle_is_unavailable(url: str, head: Dashboard) -> None:
    head.is_cut_short = True
    with refused(where=url, kind=HeadUnavailableError):
        read_nodes(url)


def test_a_wrong_token_is_another_error(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "wrong")
    with refused(what="401", where=url, remedy="~/.ray/auth_token") as caught:
        read_nodes(url)
    assert type(caught.value) is FirelibError
