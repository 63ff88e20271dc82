import pickle
import sys

from firelib.train.attempt import Attempt


def test_first_attempt_has_no_restarts():
    assert Attempt(world_size=2).restart_figures == {"restarts": 0.0, "restarts_seconds": 0.0}


def test_restarts_are_the_attempts_before():
    assert Attempt(2, number=3, restart_seconds=1.5).restart_figures == {"restarts": 2.0, "restarts_seconds": 1.5}


def test_pickled_attempt_names_no_other_module():
    """It is unpickled in the train controller, which must not import TensorFlow."""
    attempt = pickle.loads(pickle.dumps(Attempt(2, resume_step=7)))
    assert attempt == Attempt(2, resume_step=7)
    assert {type(value).__module__ for value in vars(attempt).values()} == {"builtins"}
    assert "firelib.train.attempt" in sys.modules
