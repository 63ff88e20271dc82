"""A follower without Ray: what ends its wait, and with which exit code. test_entrypoint.py runs it with Ray."""

import os
import signal
from contextlib import contextmanager

import pytest

from firelib.errors import FirelibError
from firelib.launch.runtime import follower
from firelib.launch.runtime.follower import follow_head
from firelib.launch.runtime.rendezvous import Rendezvous, create_head
from firelib.launch.runtime.replica import ReplicaIdentity
from firelib.launch.runtime.timeouts import Timeouts
from tests.errors import refused

REPLICA = ReplicaIdentity(1, ("127.0.0.1",), 2)
NO_WAIT = Timeouts(peers=0, head=0, rejoin=0)


class Node:
    def poll(self):
        return None


@pytest.fixture
def rendezvous(tmp_path, monkeypatch):
    monkeypatch.setattr(follower, "_POLL_SECONDS", 0.01)
    before = signal.getsignal(signal.SIGTERM)
    yield Rendezvous(str(tmp_path / "meeting"))
    signal.signal(signal.SIGTERM, before)


def join_with(monkeypatch, action):
    """Let a follower join; run an action while its node is up."""

    @contextmanager
    def ray_node(token, arguments):
        action()
        yield Node()

    monkeypatch.setattr(follower, "ray_node", ray_node)


def test_a_follower_returns_the_exit_code_of_the_stage(rendezvous, monkeypatch):
    head = create_head("127.0.0.1:1")
    rendezvous.publish_head(head)

    def end():
        rendezvous.publish_exit(head, 75)
        rendezvous.remove_head()

    join_with(monkeypatch, end)
    assert follow_head(REPLICA, rendezvous, NO_WAIT) == 75
    assert rendezvous.list_joined(2, head) == [1]


def test_sigterm_ends_a_follower(rendezvous, monkeypatch):
    rendezvous.publish_head(create_head("127.0.0.1:1"))
    join_with(monkeypatch, lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert follow_head(REPLICA, rendezvous, NO_WAIT) == 143


def test_a_node_that_does_not_start_is_tried_again(rendezvous, monkeypatch):
    head, tries = create_head("127.0.0.1:1"), []
    rendezvous.publish_head(head)

    def fail_once():
        tries.append(1)
        if len(tries) == 1:
            raise FirelibError("a Ray node did not start")
        rendezvous.publish_exit(head, 0)
        rendezvous.remove_head()

    join_with(monkeypatch, fail_once)
    assert follow_head(REPLICA, rendezvous, Timeouts()) == 0
    assert len(tries) == 2


def test_a_late_follower_returns_the_earlier_exit_code(rendezvous):
    rendezvous.publish_exit(create_head("127.0.0.1:1"), 143)
    assert follow_head(REPLICA, rendezvous, NO_WAIT) == 143


def test_a_follower_without_head_fails(rendezvous):
    with refused(what=["replica 1"], where=rendezvous.uri, remedy="FIRELIB_HEAD_SECONDS"):
        follow_head(REPLICA, rendezvous, NO_WAIT)
