"""How a worker group translates failures and SIGTERM. Whole groups run in test_train_stage.py and test_drills.py."""

import threading
from types import SimpleNamespace

import pytest

from firelib.errors import FirelibError, StoppedError
from firelib.train.attempt import Attempt
from firelib.train.checkpoint.serialization import TornCheckpointError, load
from firelib.train.checkpoint.store import CheckpointStore
from firelib.train.driver.failure import Failure
from firelib.train.driver.resources import WorkerResources
from firelib.train.driver.slot_reservation import SlotReservation
from firelib.train.driver.worker_group import WorkerGroup, WorkerLostError, _handle_sigterm, _translate, count_workers


@pytest.fixture
def monitor():
    return SimpleNamespace(
        stop_requested=threading.Event(), has_trained=threading.Event(), lost=None, sends_sigterm=False
    )


def failure(is_loss):
    return Failure("worker 1", "it died", None, is_loss)


def test_loss_can_be_restarted(monitor):
    error = _translate(failure(is_loss=True), monitor)
    assert isinstance(error, WorkerLostError)
    assert all(part in str(error) for part in ("worker 1", "it died"))


def test_error_of_the_code_names_the_worker(monitor):
    error = _translate(failure(is_loss=False), monitor)
    assert isinstance(error, FirelibError)
    assert "it died" in error.what
    assert error.where == "worker 1"
    assert "--debug" in error.remedy


def test_workers_that_the_monitor_killed_are_a_loss(monitor):
    monitor.lost = "worker of rank 0"
    assert "rank 0" in str(_translate(failure(is_loss=False), monitor))


def test_failure_after_a_request_to_stop_is_a_stop(monitor):
    monitor.stop_requested.set()
    assert isinstance(_translate(failure(is_loss=True), monitor), StoppedError)


@pytest.mark.parametrize(("step", "is_lost"), [(5, True), (4, False), (None, False)])
def test_checkpoint_that_vanished_after_the_driver_chose_it(tmp_path, step, is_lost):
    """Workers of a driver that was killed a moment ago may have pruned it."""
    with pytest.raises(TornCheckpointError) as caught:
        load(CheckpointStore(str(tmp_path)).uri(5))
    spec, attempt = SimpleNamespace(run_uri=str(tmp_path)), Attempt(1, resume_step=step)
    one = WorkerResources(1)
    group = WorkerGroup(spec, attempt, str(tmp_path), one, SlotReservation(one))
    assert group._has_lost_checkpoint(Failure("worker 0", "torn", caught.value, False)) == is_lost


def test_first_sigterm_asks_the_workers_to_stop(monitor):
    monitor.has_trained.set()
    _handle_sigterm(monitor)
    assert monitor.stop_requested.is_set()
    with pytest.raises(StoppedError):
        _handle_sigterm(monitor)


def test_sigterm_before_the_first_step_stops_at_once(monitor):
    with pytest.raises(StoppedError):
        _handle_sigterm(monitor)


def test_sigterm_of_the_monitor_is_a_loss(monitor):
    monitor.lost, monitor.sends_sigterm = "2 of 2 workers", True
    with pytest.raises(WorkerLostError, match="2 of 2"):
        _handle_sigterm(monitor)


def test_count_workers():
    assert [count_workers(count) for count in (1, 2)] == ["1 worker", "2 workers"]
