"""A follower without Ray: what ends its wait, and with which exit code. test_entrypoint.py runs it with Ray."""

import os
import signal
from contextlib import contextmanager

import pytest

from firelib.errors import FirelibError
from firelib.launch.runtime import follower
from firelib.launch.runtime.follower import follow_head
from firelib.launch.runtime.platforms import PLATFORMS
from firelib.launch.runtime.rendezvous import Rendezvous, create_head
from firelib.launch.runtime.replica import ReplicaIdentity
from firelib.launch.runtime.stage_runner import ShutdownFlag
from firelib.launch.runtime.timeouts import Timeouts
from tests.errors import refused
from tests.launch.runtime.scaled_clock import ScaledClock

REPLICA = ReplicaIdentity(1, ("127.0.0.1",), 2)
ON_VERTEX = ReplicaIdentity(1, ("127.0.0.1",), 2, platform=PLATFORMS["vertex"])
VERTEX_ENVIRONMENT = {"FIRELIB_PLATFORM": "vertex"}


class Node:
    def poll(self):
        return None


@pytest.fixture
def rendezvous(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    yield Rendezvous(str(tmp_path / "meeting"))
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def time():
    return ScaledClock()


def join_with(monkeypatch, action):
    """Let a follower join; run an action while its node is up."""

    @contextmanager
    def ray_node(token, arguments):
        action()
        yield Node()

    monkeypatch.setattr(follower, "ray_node", ray_node)


def test_a_follower_returns_the_exit_code_of_the_stage(rendezvous, monkeypatch, time):
    head = create_head("127.0.0.1:1")
    rendezvous.publish_head(head)

    def end():
        rendezvous.publish_exit(head, 75)
        rendezvous.remove_head()

    join_with(monkeypatch, end)
    assert follow_head(REPLICA, rendezvous, Timeouts(clock=time.clock), ShutdownFlag()) == 75
    assert rendezvous.list_joined(2, head) == [1]


def test_sigterm_ends_a_follower(rendezvous, monkeypatch, time):
    rendezvous.publish_head(create_head("127.0.0.1:1"))
    join_with(monkeypatch, lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert follow_head(REPLICA, rendezvous, Timeouts(clock=time.clock), ShutdownFlag()) == 143


def test_a_node_that_does_not_start_is_tried_again(rendezvous, monkeypatch, time):
    head, tries = create_head("127.0.0.1:1"), []
    rendezvous.publish_head(head)

    def fail_once():
        tries.append(1)
        if len(tries) == 1:
            raise FirelibError("a Ray node did not start")
        rendezvous.publish_exit(head, 0)
        rendezvous.remove_head()

    join_with(monkeypatch, fail_once)
    assert follow_head(REPLICA, rendezvous, Timeouts(clock=time.clock), ShutdownFlag()) == 0
    assert len(tries) == 2


def test_a_late_follower_returns_the_earlier_exit_code(rendezvous, time):
    rendezvous.publish_exit(create_head("127.0.0.1:1"), 143)
    assert follow_head(REPLICA, rendezvous, Timeouts(clock=time.clock), ShutdownFlag()) == 143


def test_a_follower_without_head_fails(rendezvous, time):
    with refused(what=["replica 1"], where=rendezvous.uri, remedy="FIRELIB_HEAD_SECONDS"):
        follow_head(REPLICA, rendezvous, Timeouts(clock=time.clock), ShutdownFlag())


def on_vertex(time):
    defaults = Timeouts.from_environment(VERTEX_ENVIRONMENT)
    return Timeouts(defaults.peers, defaults.head, defaults.rejoin, clock=time.clock)


def test_a_follower_waits_for_a_head_that_comes_late(rendezvous, monkeypatch, time, capsys):
    head = create_head("127.0.0.1:1")
    time.at(3000, lambda: rendezvous.publish_head(head))

    def end():
        rendezvous.publish_exit(head, 0)
        rendezvous.remove_head()

    join_with(monkeypatch, end)
    assert follow_head(ON_VERTEX, rendezvous, on_vertex(time), ShutdownFlag()) == 0
    assert 4 <= capsys.readouterr().err.count("replica 1 waits for the head") <= 12


def test_a_late_head_is_no_late_follower(rendezvous, monkeypatch, time):
    """The platform restarts all replicas, and replica 0 last: the earlier exit code is not this attempt's."""
    rendezvous.publish_exit(create_head("127.0.0.1:1"), 75)
    head = create_head("127.0.0.1:2")
    time.at(1200, lambda: rendezvous.publish_head(head))

    def end():
        rendezvous.publish_exit(head, 0)
        rendezvous.remove_head()

    join_with(monkeypatch, end)
    assert follow_head(ON_VERTEX, rendezvous, on_vertex(time), ShutdownFlag()) == 0


def test_a_follower_joins_a_head_again_after_each_of_three_preemptions(rendezvous, monkeypatch, time):
    heads = [create_head(f"127.0.0.1:{port}") for port in range(4)]
    for number, head in enumerate(heads):
        time.at(1000 * number + 10, lambda head=head: rendezvous.publish_head(head))
        time.at(1000 * number + 500, rendezvous.remove_head)
    time.at(3400, lambda: rendezvous.publish_exit(heads[3], 0))
    join_with(monkeypatch, lambda: None)
    assert follow_head(ON_VERTEX, rendezvous, on_vertex(time), ShutdownFlag()) == 0
    assert [rendezvous.list_joined(2, head) for head in heads] == [[1]] * 4


def test_a_follower_does_not_fail_with_replica_0_where_the_platform_ends_it(rendezvous, monkeypatch, time, capsys):
    """Each pod that fails counts towards the restarts of the job."""
    first, second = create_head("127.0.0.1:1"), create_head("127.0.0.1:2")
    rendezvous.publish_head(first)
    outcomes = [(first, 75), (second, 0)]

    def end():
        rendezvous.publish_exit(*outcomes.pop(0))
        rendezvous.remove_head()

    time.at(300, lambda: rendezvous.publish_head(second))
    join_with(monkeypatch, end)
    assert follow_head(ON_VERTEX, rendezvous, on_vertex(time), ShutdownFlag()) == 0
    assert "exit code 75: waiting for another attempt" in capsys.readouterr().err


def test_a_follower_that_nobody_ends_returns_the_exit_code_at_last(rendezvous, monkeypatch, time):
    head = create_head("127.0.0.1:1")
    rendezvous.publish_head(head)

    def end():
        rendezvous.publish_exit(head, 7)
        rendezvous.remove_head()

    join_with(monkeypatch, end)
    assert follow_head(ON_VERTEX, rendezvous, on_vertex(time), ShutdownFlag()) == 7
    assert time.seconds > 3600


def test_nothing_follows_a_success(rendezvous, time):
    """A replica that starts when the job is over, or again, would hold its machine for an hour."""
    rendezvous.publish_exit(create_head("127.0.0.1:1"), 0)
    timeouts = Timeouts(head=3600, rejoin=3600, clock=time.clock)
    started = time.clock.now()
    assert follow_head(ON_VERTEX, rendezvous, timeouts, ShutdownFlag()) == 0
    assert time.clock.now() - started < 60


def test_a_head_that_was_killed_is_not_joined_for_ever(rendezvous, monkeypatch, time):
    """Its file stays, and no node can join it."""
    rendezvous.publish_head(create_head("127.0.0.1:1"))

    def fail():
        raise FirelibError("Ray did not start", where="here", remedy="none")

    join_with(monkeypatch, fail)
    with refused(what="found no head", where=rendezvous.uri):
        follow_head(REPLICA, rendezvous, Timeouts(head=300, clock=time.clock), ShutdownFlag())
