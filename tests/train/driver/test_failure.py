import pytest
from ray.exceptions import ActorDiedError, RayTaskError
from ray.train import WorkerGroupError
from ray.train.v2._internal.exceptions import (
    UserExceptionWithTraceback,
    WorkerGroupStartupFailedError,
    WorkerGroupStartupTimeoutError,
)
from ray.train.v2.api.exceptions import ControllerError

from firelib.errors import FirelibError
from firelib.train.driver.failure import Failure


def raised(error):
    return UserExceptionWithTraceback(error, "Traceback\n  …\nlast line")


def test_dead_worker_is_a_loss_and_named():
    failure = Failure.from_error(WorkerGroupError("", {0: raised(ValueError("its peer is gone")), 1: ActorDiedError()}))
    assert failure.is_loss
    assert failure.source == "worker 1"


def test_error_of_a_worker_is_no_loss():
    failure = Failure.from_error(WorkerGroupError("", {1: raised(ValueError("no"))}))
    assert not failure.is_loss
    assert failure.firelib_error is None


def test_firelib_error_is_found():
    own = FirelibError("this", where="here", remedy="that")
    assert Failure.from_error(WorkerGroupError("", {1: raised(own)})).firelib_error is own


def test_firelib_error_decides_beside_lost_peers():
    """A worker that meets damaged data ends, and its peers lose it: the data are the cause."""
    own = FirelibError("this", where="here", remedy="that")
    lost = {rank: raised(type("UnavailableError", (Exception,), {})("peer is gone")) for rank in (0, 2)}
    failure = Failure.from_error(WorkerGroupError("", {**lost, 1: raised(own)}))
    assert failure.firelib_error is own


@pytest.mark.parametrize("error", [WorkerGroupStartupTimeoutError(2), WorkerGroupStartupFailedError("it died")])
def test_failed_start_is_a_loss(error):
    failure = Failure.from_error(ControllerError(error))
    assert failure.is_loss
    assert failure.source == "the start of the workers"


def test_reason_of_a_start_timeout_is_one_sentence():
    why = Failure.from_error(ControllerError(WorkerGroupStartupTimeoutError(2))).reason
    assert all(part in why for part in ("timed out", "60.0 seconds", "2 workers"))
    assert "\n" not in why


def test_unpickling_error_is_no_loss():
    error = RayTaskError(
        "run_train_fn", "Traceback\nModuleNotFoundError: No module named 'x'", ModuleNotFoundError("x")
    )
    failure = Failure.from_error(ControllerError(error))
    assert not failure.is_loss
    assert "No module named 'x'" in failure.reason


def test_firelib_error_is_unwrapped():
    """Ray raises an instance of both classes, whose text is the trace of the actor."""
    own = FirelibError("this", where="here", remedy="that")
    wrapped = RayTaskError("train", "Traceback\n  …", own).as_instanceof_cause()
    assert isinstance(wrapped, FirelibError)
    assert Failure.from_error(wrapped).firelib_error is own
