"""Replica 0 without Ray: what it publishes, and which exit code it returns. test_entrypoint.py runs it with Ray."""

from contextlib import contextmanager

import pytest

from firelib.errors import FirelibError
from firelib.launch.runtime import head as module
from firelib.launch.runtime.head import run_head, scale_workers, shorten_time_limit
from firelib.launch.runtime.peer_wait import MissingReplicasError
from firelib.launch.runtime.platforms import PLATFORMS
from firelib.launch.runtime.rendezvous import Rendezvous
from firelib.launch.runtime.replica import ReplicaIdentity
from firelib.launch.runtime.stage_runner import ShutdownFlag
from firelib.launch.runtime.timeouts import Timeouts
from tests.errors import refused
from tests.launch.runtime.scaled_clock import ScaledClock

ALONE = ReplicaIdentity(0, ("127.0.0.1",), 2, minimum=1)
ON_VERTEX = ReplicaIdentity(0, ("127.0.0.1", "127.0.0.1"), 2, platform=PLATFORMS["vertex"])
NO_WAIT = Timeouts(peers=0, head=0, rejoin=0)


@pytest.fixture
def rendezvous(tmp_path, monkeypatch):
    monkeypatch.setenv("FIRELIB_HEAD_PORT", "7001")
    monkeypatch.setenv("FIRELIB_NUM_CPUS", "2")
    monkeypatch.setenv("FIRELIB_EXPECTED_GPUS", "4")
    monkeypatch.setenv("FIRELIB_WORKERS", "8")
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
        assert variables["FIRELIB_WORKERS"] == "4", "half of the replicas, half of the workers"
        return 75

    assert run_head(run, ALONE, rendezvous, NO_WAIT, ShutdownFlag()) == 75
    [(arguments, attempts)] = started
    assert attempts == 3
    assert {"--head", "--port=7001", "--num-cpus=2", "--num-gpus=4"} <= set(arguments)
    assert "1 of 2" in capsys.readouterr().err
    assert rendezvous.read_exit().code == 75
    assert rendezvous.read_head() is None


def test_the_stage_does_not_start_with_fewer_replicas(rendezvous, started):
    time = ScaledClock()
    with refused(what="missing: replica 1", kind=MissingReplicasError):
        run_head(
            lambda _: pytest.fail("a replica is missing"),
            ON_VERTEX,
            rendezvous,
            Timeouts(peers=3600, clock=time.clock),
            ShutdownFlag(),
        )
    assert time.seconds >= 3600
    assert rendezvous.read_exit().code == 75
    assert rendezvous.read_head() is None


def test_sigterm_before_the_stage_is_published(rendezvous, started):
    def run(_):
        raise SystemExit(143)

    assert run_head(run, ALONE, rendezvous, NO_WAIT, ShutdownFlag()) == 143
    assert rendezvous.read_exit().code == 143


def test_a_head_that_does_not_start_ends_the_group(rendezvous, monkeypatch):
    @contextmanager
    def ray_node(*_):
        raise FirelibError("a Ray node did not start")
        yield

    monkeypatch.setattr(module, "ray_node", ray_node)
    with refused(what="a Ray node did not start"):
        run_head(lambda _: 0, ALONE, rendezvous, NO_WAIT, ShutdownFlag())
    assert rendezvous.read_exit().code == 1


def test_a_job_that_is_preempted_three_times_ends_only_once(rendezvous, started):
    """Vertex AI ends replica 0 three times: the other replicas must not see an end before the last."""
    ends, codes = [], []
    for code in (75, 143, 75, 0):
        shutdown = ShutdownFlag()

        def run(_, code=code, shutdown=shutdown):
            rendezvous.register(1, rendezvous.read_head())
            if code:
                shutdown.set()
            if code == 143:  # before the stage began
                raise SystemExit(code)
            return code

        clock = ScaledClock()
        clock.at(5, lambda: rendezvous.register(1, rendezvous.read_head()))
        codes.append(run_head(run, ON_VERTEX, rendezvous, Timeouts(clock=clock.clock), shutdown))
        assert rendezvous.read_head() is None, "nobody joins a lost head"
        ends.append(rendezvous.read_exit())
    assert codes == [75, 143, 75, 0]
    assert ends[:3] == [None, None, None]
    assert ends[3].code == 0


def test_a_stage_that_stops_by_itself_ends_the_job_on_vertex_too(rendezvous, started):
    clock = ScaledClock()
    clock.at(5, lambda: rendezvous.register(1, rendezvous.read_head()))
    assert run_head(lambda _: 75, ON_VERTEX, rendezvous, Timeouts(clock=clock.clock), ShutdownFlag()) == 75
    assert rendezvous.read_exit().code == 75, "its time limit was reached: there will be no other attempt"


@pytest.mark.parametrize(
    ("workers", "present", "count", "expected"),
    [
        ("8", 2, 2, {}),
        ("8", 1, 2, {"FIRELIB_WORKERS": "4"}),
        ("3", 2, 3, {"FIRELIB_WORKERS": "2"}),
        ("1", 1, 3, {"FIRELIB_WORKERS": "1"}),
        ("", 1, 2, {}),
    ],
)
def test_fewer_replicas_have_fewer_workers(workers, present, count, expected):
    assert scale_workers({"FIRELIB_WORKERS": workers}, present, count) == expected


def test_the_wait_for_replicas_counts_where_it_counts_for_the_platform():
    assert shorten_time_limit({"FIRELIB_JOB_SECONDS": "3600"}, 600.0) == {"FIRELIB_JOB_SECONDS": "3000"}
    assert shorten_time_limit({"FIRELIB_JOB_SECONDS": "600"}, 3600.0) == {"FIRELIB_JOB_SECONDS": "60"}
    assert shorten_time_limit({"FIRELIB_JOB_SECONDS": "600"}, 0.0) == shorten_time_limit({}, 60.0) == {}


def test_what_failed_in_an_earlier_attempt_does_not_fail_the_next(rendezvous, started):
    rendezvous.report_failure(1, "a broken GPU")
    with refused(what="a broken GPU"):
        run_head(lambda _: 0, ALONE, rendezvous, Timeouts(peers=60, head=0, rejoin=0), ShutdownFlag())
    assert run_head(lambda _: 0, ALONE, rendezvous, NO_WAIT, ShutdownFlag()) == 0


def test_a_head_is_withdrawn_although_the_end_cannot_be_published(rendezvous, started, monkeypatch):
    def fail(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(Rendezvous, "publish_exit", fail)
    with pytest.raises(OSError, match="no space"):
        run_head(lambda _: 0, ALONE, rendezvous, NO_WAIT, ShutdownFlag())
    assert rendezvous.read_head() is None
