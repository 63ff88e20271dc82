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


def test_worker_that_died_is_a_loss_and_named():
    failure = Failure.of(WorkerGroupError("", {0: raised(ValueError("its peer has gone")), 1: ActorDiedError()}))
    assert failure.is_loss
    assert failure.who == "worker 1"


def test_error_of_a_worker_is_none():
    failure = Failure.of(WorkerGroupError("", {1: raised(ValueError("no"))}))
    assert not failure.is_loss
    assert failure.own is None


def test_own_error_is_found():
    own = FirelibError("this", where="here", remedy="that")
    assert Failure.of(WorkerGroupError("", {1: raised(own)})).own is own


@pytest.mark.parametrize("error", [WorkerGroupStartupTimeoutError(2), WorkerGroupStartupFailedError("it died")])
def test_start_that_did_not_come_up_can_be_tried_again(error):
    failure = Failure.of(ControllerError(error))
    assert failure.is_loss
    assert failure.who == "the start of the workers"


def test_time_of_a_start_that_was_over_is_said_in_a_sentence():
    why = Failure.of(ControllerError(WorkerGroupStartupTimeoutError(2))).why
    assert all(part in why for part in ("timed out", "60.0 seconds", "2 workers"))
    assert "\n" not in why


def test_what_cannot_be_unpickled_is_not_tried_again():
    error = RayTaskError(
        "run_train_fn", "Traceback\nModuleNotFoundError: No module named 'x'", ModuleNotFoundError("x")
    )
    failure = Failure.of(ControllerError(error))
    assert not failure.is_loss
    assert "No module named 'x'" in failure.why


def test_own_error_in_the_clothes_of_ray_is_undressed():
    """Ray raises a class that is both: its text is the trace of the actor."""
    own = FirelibError("this", where="here", remedy="that")
    worn = RayTaskError("train", "Traceback\n  …", own).as_instanceof_cause()
    assert isinstance(worn, FirelibError)
    assert Failure.of(worn).own is own
