"""`firelib cluster up`: what it starts, what it leaves alone, and which hosts it misses."""

import threading
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest

from firelib.cluster import raylets, setup_lock, start
from firelib.cluster.head_api import HeadUnavailableError
from firelib.cluster.setup_lock import ClusterLockedError
from firelib.cluster.ssh import ForeignHostError, HostUnreachableError
from firelib.cluster.start import MissingNodesError, start_cluster
from tests.cluster.stand_ins import FIRST, HEAD, SECOND, Dashboard, FakeSsh, cluster
from tests.errors import refused
from tests.patience import patience

PATH = Path("cluster.yaml")
JOB = {"submission_id": "run-1", "status": "RUNNING", "start_time": 1000}
UP, ADD = ["ray", "up", "--yes", "cluster.yaml"], ["ray", "up", "--yes", "--no-restart", "cluster.yaml"]


class Ray:
    """Ray on the hosts, and in the place of `ray up`: records its commands, and starts the nodes that a test wants."""

    def __init__(self, head: Dashboard, ssh: FakeSsh) -> None:
        self.head, self.ssh = head, ssh
        self.commands: list[list[str]] = []
        self.effects: list[Callable[[], int]] = []

    def __call__(self, command: list[str], file: object) -> int:
        self.commands.append(command)
        return self.effects.pop(0)()

    def runs(self, *alive: str, code: int = 0) -> int:
        """Let these hosts run nodes, which the dashboard lists; without any, there is no dashboard."""
        self.head.alive, self.head.is_up = list(alive), bool(alive)
        self.ssh.run_nodes(*alive)
        return code

    def will_run(self, *alive: str, code: int = 0) -> None:
        """Let the next `ray up` do the same, and end with this code."""
        self.effects.append(lambda: self.runs(*alive, code=code))


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch, head: Dashboard, ssh: FakeSsh) -> Ray:
    stands = Ray(head, ssh)
    monkeypatch.setattr(start, "run_ray", stands)
    monkeypatch.setattr(start, "hold_setup_lock", lambda *_: nullcontext())  # it starts a process; tested in one test
    monkeypatch.setattr(start, "_POLL_SECONDS", 0.05)
    monkeypatch.setattr(start, "_ANSWER_SECONDS", 0.2)
    return stands


def go(restart: bool = False) -> list[str]:
    return start_cluster(PATH, cluster(), restart, timeout=0.2)


def test_a_fresh_cluster_is_started(ray: Ray) -> None:
    ray.runs()
    ray.will_run(HEAD, FIRST, SECOND)
    assert go() == [HEAD, FIRST, SECOND]
    assert ray.commands == [UP]


def test_a_complete_cluster_is_left_alone(ray: Ray) -> None:
    ray.runs(HEAD, FIRST, SECOND)
    assert go() == [HEAD, FIRST, SECOND]
    assert ray.commands == []


def test_a_new_host_joins_without_a_restart(head: Dashboard, ray: Ray) -> None:
    head.jobs = [JOB]
    ray.runs(HEAD, FIRST)
    ray.will_run(HEAD, FIRST, SECOND)
    go()
    assert ray.commands == [ADD]


def test_a_node_whose_loss_ray_has_not_noticed_is_started_again(head: Dashboard, ssh: FakeSsh, ray: Ray) -> None:
    head.jobs = [JOB]
    ray.runs(HEAD, FIRST, SECOND)
    ssh.run_nodes(HEAD, FIRST)
    ray.will_run(HEAD, FIRST, SECOND)
    assert go() == [HEAD, FIRST, SECOND]
    assert ray.commands == [ADD]


def test_a_node_that_ray_does_not_list_yet_is_awaited(ssh: FakeSsh, ray: Ray) -> None:
    """Its host runs a new node, and Ray still lists the one before."""
    ray.runs(HEAD, FIRST, SECOND)
    (ssh.raylets / SECOND).write_text("another")
    ray.effects = [lambda: 0] * 3
    with refused(what=SECOND, kind=MissingNodesError) as caught:
        go()
    assert FIRST not in caught.value.what
    assert ray.commands == [ADD, ADD, ADD]


def test_a_host_that_cannot_tell_is_as_ray_says(ssh: FakeSsh, ray: Ray, monkeypatch: pytest.MonkeyPatch) -> None:
    ray.runs(HEAD, FIRST, SECOND)
    ssh.run_nodes()
    monkeypatch.setattr(raylets, "_LIST", "no-such-program")
    assert go() == [HEAD, FIRST, SECOND]
    assert ray.commands == []


def test_a_head_without_a_node_is_started_anew_unless_jobs_would_end(head: Dashboard, ssh: FakeSsh, ray: Ray) -> None:
    ray.runs(HEAD, FIRST, SECOND)
    ssh.run_nodes(FIRST, SECOND)
    head.jobs = [JOB]
    with refused(what="run-1", where="firelib", remedy="make cluster-down cluster-up"):
        go()
    assert ray.commands == []
    head.jobs = []
    ray.will_run(HEAD, FIRST, SECOND)
    go()
    assert ray.commands == [UP]


def test_a_restart_that_would_end_jobs_is_refused(head: Dashboard, ray: Ray) -> None:
    head.jobs = [JOB]
    ray.runs(HEAD, FIRST, SECOND)
    with refused(what="run-1", where="firelib", remedy="firelib cancel ID"):
        go(restart=True)
    assert ray.commands == []
    head.jobs = []
    ray.will_run(HEAD, FIRST, SECOND)
    go(restart=True)
    assert ray.commands == [UP]


def test_a_busy_start_is_tried_again(ray: Ray) -> None:
    ray.runs()
    ray.will_run(code=1)
    ray.will_run(HEAD)
    ray.will_run(HEAD, FIRST, SECOND)
    go()
    assert ray.commands == [UP, UP, ADD]  # once the head runs, its workers are added


def test_a_ray_whose_jobs_are_hidden_is_not_restarted(head: Dashboard, ray: Ray) -> None:
    """A busy head answers too late: its jobs must not end for that."""
    ray.runs(HEAD)
    head.is_up = False
    with refused(what="503", where="firelib", remedy="make cluster-down cluster-up", kind=HeadUnavailableError):
        go()
    assert ray.commands == []


def test_a_head_that_cannot_tell_whether_ray_runs_is_not_restarted(
    head: Dashboard, ray: Ray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its dashboard does not answer, so its jobs are not known either."""
    ray.runs(HEAD)
    head.is_up = False
    monkeypatch.setattr(raylets, "_LIST", "no-such-program")
    with refused(what="pgrep", where="firelib", remedy="make cluster-setup", kind=HeadUnavailableError):
        go()
    assert ray.commands == []


def test_a_ray_that_was_just_started_gets_time_to_answer(
    head: Dashboard, ray: Ray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start, "_ANSWER_SECONDS", patience(30))
    ray.runs(HEAD, FIRST, SECOND)
    head.is_up = False
    answers = threading.Timer(0.3, setattr, (head, "is_up", True))
    answers.start()
    go()
    answers.join()
    assert ray.commands == []


def test_missing_nodes_are_named(ray: Ray) -> None:
    ray.runs()
    for _ in range(3):
        ray.will_run(HEAD, SECOND)
    with refused(what=FIRST, where="firelib", remedy="ray monitor", kind=MissingNodesError) as caught:
        go()
    assert SECOND not in caught.value.what


def test_nothing_is_started_on_hosts_of_another_cluster(ssh: FakeSsh, ray: Ray) -> None:
    """`ray up` would stop the Ray that runs there."""
    ssh.mark(HEAD, "firelib")
    ssh.mark(SECOND, "other")
    with refused(what=[(SECOND, "other")], where="firelib", remedy="make vms-down", kind=ForeignHostError) as caught:
        go()
    assert HEAD not in caught.value.what
    assert ray.commands == []


def test_nothing_is_started_while_another_command_changes_the_cluster(
    ssh: FakeSsh, ray: Ray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start, "hold_setup_lock", setup_lock.hold_setup_lock)
    other = setup_lock.SetupLock(PATH, cluster(), token="desk-1-1", caller="ben@desk")
    other.take()
    with refused(what="ben@desk", where=HEAD, kind=ClusterLockedError):
        go()
    assert ray.commands == []


def test_nothing_is_started_while_a_host_cannot_be_reached(ssh: FakeSsh, ray: Ray) -> None:
    ssh.refuse(second="Connection refused")
    with refused(what=SECOND, kind=HostUnreachableError):
        go()
    assert ray.commands == []
