"""Replica 0 without Ray: what it publishes, and which exit code it returns. test_entrypoint.py runs it with Ray."""

from contextlib import contextmanager

import pytest

from firelib.errors import FirelibError
from firelib.launch.runtime import head as module
from firelib.launch.runtime.head import run_head
from firelib.launch.runtime.rendezvous import Rendezvous
from firelib.launch.runtime.replica import ReplicaIdentity
from firelib.launch.runtime.timeouts import Timeouts
from tests.errors import refused

REPLICA = ReplicaIdentity(0, ("127.0.0.1",), 2)
NO_WAIT = Timeouts(peers=0, head=0, rejoin=0)


@pytest.fixture
def rendezvous(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_POLL_SECONDS", 0.01)
    monkeypatch.setenv("FIRELIB_HEAD_PORT", "7001")
    monkeypatch.setenv("FIRELIB_NUM_CPUS", "2")
    return Rendezvous(str(tmp_path / "meeting"))


@pytest.fixture
def started(monkeypatch):
    """Arguments of the nodes that were started."""
    arguments = []

    @contextmanager
    def ray_node(token, given, attempts):
        arguments.append((given, attempts))
        yield None

    monkeypatch.setattr(module, "ray_node", ray_node)
    return arguments


def test_the_stage_runs_on_the_head(rendezvous, started, capsys):
    def run(variables):
        head = rendezvous.read_head()
        assert variables["RAY_ADDRESS"] == head.address == "127.0.0.1:7001"
        return 75

    assert run_head(run, REPLICA, rendezvous, NO_WAIT) == 75
    [(arguments, attempts)] = started
    assert attempts == 3
    assert {"--head", "--port=7001", "--num-cpus=2"} <= set(arguments)
    assert "0 of 1" in capsys.readouterr().err
    assert rendezvous.read_exit().code == 75
    assert rendezvous.read_head() is None


def test_sigterm_before_the_stage_is_published(rendezvous, started):
    def run(_):
        raise SystemExit(143)

    assert run_head(run, REPLICA, rendezvous, NO_WAIT) == 143
    assert rendezvous.read_exit().code == 143


def test_a_head_that_does_not_start_ends_the_group(rendezvous, monkeypatch):
    @contextmanager
    def ray_node(*_):
        raise FirelibError("a Ray node did not start")
        yield

    monkeypatch.setattr(module, "ray_node", ray_node)
    with refused(what="a Ray node did not start"):
        run_head(lambda _: 0, REPLICA, rendezvous, NO_WAIT)
    assert rendezvous.read_exit().code == 1
