"""Replica 0 waits for replicas that start minutes apart; hours pass in milliseconds."""

from itertools import pairwise

import pytest

from firelib.errors import FirelibError
from firelib.launch.runtime.peer_wait import MissingReplicasError, Reports, wait_for_peers
from firelib.launch.runtime.rendezvous import Rendezvous, create_head
from firelib.launch.runtime.replica import ReplicaIdentity
from firelib.launch.runtime.timeouts import Timeouts
from tests.errors import refused
from tests.launch.runtime.scaled_clock import ScaledClock

HEAD = create_head("10.0.0.1:6379")
HOSTS = ("job-0", "job-1", "job-2")


@pytest.fixture
def rendezvous(tmp_path):
    return Rendezvous(str(tmp_path / "meeting"))


@pytest.fixture
def time():
    return ScaledClock()


def waited(rendezvous, time, count=2, minimum=None, peers=3600.0):
    replica = ReplicaIdentity(0, HOSTS[:count], count, minimum)
    return wait_for_peers(replica, rendezvous, HEAD, Timeouts(peers=peers, clock=time.clock))


def test_a_replica_that_comes_twenty_minutes_later_is_waited_for(rendezvous, time, capsys):
    time.at(1200, lambda: rendezvous.register(1, HEAD))
    assert waited(rendezvous, time) == 2
    assert 1200 <= time.seconds < 1215
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1] == "all 2 replicas have joined"
    assert all("replica 1 (job-1)" in line and "3600 s" in line for line in lines[:-1])
    assert 4 <= len(lines) <= 9, "now and then, but no flood"


def test_a_replica_that_never_comes_is_named(rendezvous, time):
    time.at(60, lambda: rendezvous.register(1, HEAD))
    with refused(
        what=["2 of 3 replicas", "replica 2 (job-2)"],
        where=rendezvous.uri,
        remedy="--min-replicas 2",
        kind=MissingReplicasError,
    ) as caught:
        waited(rendezvous, time, count=3)
    assert caught.value.exit_code == 75, "the same job may find its machines later"
    assert 3600 <= time.seconds < 3615


def test_fewer_replicas_start_if_the_job_accepts_them(rendezvous, time, capsys):
    time.at(600, lambda: rendezvous.register(2, HEAD))
    assert waited(rendezvous, time, count=3, minimum=2) == 2
    assert 900 <= time.seconds < 930, "five more minutes, in which the others may join"
    assert "with 2 of 3 replicas, without replica 1 (job-1)" in capsys.readouterr().err


def test_each_late_replica_prolongs_the_wait_for_the_rest(rendezvous, time):
    time.at(100, lambda: rendezvous.register(1, HEAD))
    time.at(390, lambda: rendezvous.register(2, HEAD))
    assert waited(rendezvous, time, count=3, minimum=2) == 3


def test_the_smallest_number_is_required(rendezvous, time):
    with pytest.raises(MissingReplicasError):
        waited(rendezvous, time, count=3, minimum=2, peers=300.0)


def test_a_replica_that_cannot_run_the_job_ends_the_wait(rendezvous, time):
    time.at(30, lambda: rendezvous.report_failure(1, "the image has no CUDA"))
    with refused(what=[("replica 1", "the image has no CUDA")], where=rendezvous.uri, kind=FirelibError):
        waited(rendezvous, time)
    assert time.seconds < 60


def test_reports_become_rarer():
    reports = Reports(started=100.0)
    due = [second for second in range(100, 100 + 4 * 3600) if reports.is_due(second)]
    pauses = [later - earlier for earlier, later in pairwise(due)]
    assert due[0] == 115
    assert pauses == sorted(pauses)
    assert pauses[-1] == 600
