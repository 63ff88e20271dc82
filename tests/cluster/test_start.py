"""`firelib cluster up`: what it starts, what it leaves alone, and which hosts it misses."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from firelib.cluster import start
from firelib.cluster.head_api import HeadUnavailableError
from firelib.cluster.ssh import HostUnreachableError
from firelib.cluster.start import MissingNodesError, start_cluster
from tests.cluster.stand_ins import FIRST, HEAD, SECOND, Dashboard, FakeSsh, cluster
from tests.errors import refused
from tests.patience import patience

PATH = Path("cluster.yaml")
JOB = {"submission_id": "run-1", "status": "RUNNING", "start_time": 1000}
UP, ADD = ["ray", "up", "--yes", "cluster.yaml"], ["ray", "up", "--yes", "--no-restart", "cluster.yaml"]


class Ray:
    """Stands for `ray up`: records its commands, and does to the dashboard what a test wants."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self.effects: list[Callable[[], int]] = []

    def __call__(self, command: list[str], file: object) -> int:
        self.commands.append(command)
        return self.effects.pop(0)()


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> Ray:
    stands = Ray()
    monkeypatch.setattr(start, "run_ray", stands)
    monkeypatch.setattr(start, "_POLL_SECONDS", 0.05)
    monkeypatch.setattr(start, "_ANSWER_SECONDS", 0.2)
    return stands


def nodes(head: Dashboard, *alive: str, code: int = 0) -> Callable[[], int]:
    def happen() -> int:
        head.alive, head.is_up = list(alive), bool(alive)
        return code

    return happen


@pytest.fixture(autouse=True)
def no_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests of Ray that run beside this one are not the head's."""
    monkeypatch.setattr(start, "_FIND_RAYLET", "false")


def go(restart: bool = False) -> list[str]:
    return start_cluster(PATH, cluster(), restart, timeout=0.2)


def test_a_fresh_cluster_is_started(ssh: FakeSsh, head: Dashboard, ray: Ray) -> None:
    head.is_up = False
    ray.effects = [nodes(head, HEAD, FIRST, SECOND)]
    assert go() == [HEAD, FIRST, SECOND]
    assert ray.commands == [UP]


def test_a_complete_cluster_is_left_alone(ssh: FakeSsh, head: Dashboard, ray: Ray) -> None:
    head.alive = [HEAD, FIRST, SECOND]
    assert go() == [HEAD, FIRST, SECOND]
    assert ray.commands == []


def test_a_new_host_joins_without_a_restart(ssh: FakeSsh, head: Dashboard, ray: Ray) -> None:
    head.alive, head.jobs = [HEAD, FIRST], [JOB]
    ray.effects = [nodes(head, HEAD, FIRST, SECOND)]
    go()
    assert ray.commands == [ADD]


def test_a_restart_that_would_end_jobs_is_refused(ssh: FakeSsh, head: Dashboard, ray: Ray) -> None:
    head.alive, head.jobs = [HEAD, FIRST, SECOND], [JOB]
    with refused(what="run-1", where="firelib", remedy="firelib cancel ID"):
        go(restart=True)
    assert ray.commands == []
    head.jobs = []
    ray.effects = [nodes(head, HEAD, FIRST, SECOND)]
    go(restart=True)
    assert ray.commands == [UP]


def test_a_busy_start_is_tried_again(ssh: FakeSsh, head: Dashboard, ray: Ray) -> None:
    head.is_up = False
    ray.effects = [nodes(head, code=1), nodes(head, HEAD), nodes(head, HEAD, FIRST, SECOND)]
    go()
    assert ray.commands == [UP, UP, ADD]  # once the head runs, its workers are added


def test_a_ray_whose_jobs_are_hidden_is_not_restarted(
    ssh: FakeSsh, head: Dashboard, ray: Ray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A busy head answers too late: its jobs must not end for that."""
    monkeypatch.setattr(start, "_FIND_RAYLET", "true")
    head.is_up = False
    with refused(what="503", where="firelib", remedy="make cluster-down cluster-up", kind=HeadUnavailableError):
        go()
    assert ray.commands == []


def test_a_ray_that_was_just_started_gets_time_to_answer(
    ssh: FakeSsh, head: Dashboard, ray: Ray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start, "_FIND_RAYLET", "true")
    monkeypatch.setattr(start, "_ANSWER_SECONDS", patience(30))
    head.is_up, head.alive = False, [HEAD, FIRST, SECOND]
    answers = threading.Timer(0.3, setattr, (head, "is_up", True))
    answers.start()
    go()
    answers.join()
    assert ray.commands == []


def test_missing_nodes_are_named(ssh: FakeSsh, head: Dashboard, ray: Ray) -> None:
    head.is_up = False
    ray.effects = [nodes(head, HEAD, SECOND)] * 3
    with refused(what=FIRST, where="firelib", remedy="ray monitor", kind=MissingNodesError) as caught:
        go()
    assert SECOND not in caught.value.what


def test_nothing_is_started_while_a_host_cannot_be_reached(ssh: FakeSsh, head: Dashboard, ray: Ray) -> None:
    ssh.refuse(second="Connection refused")
    with refused(what=SECOND, kind=HostUnreachableError):
        go()
    assert ray.commands == []
