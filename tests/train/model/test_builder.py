from types import SimpleNamespace

import pytest

from firelib.errors import FirelibError
from firelib.train.model.builder import build_model


class Broken:
    name = "broken"

    def __init__(self, error):
        self._error = error

    def build_model(self, features, params):
        raise self._error


def build(error):
    spec = SimpleNamespace(recipe=Broken(error), model_params={"lr": 0.1})
    build_model(spec, SimpleNamespace(fitted={}))  # type: ignore[arg-type]  # what build_model reads before it fails


def test_error_of_the_recipe_is_reported():
    with pytest.raises(FirelibError) as caught:
        build(ValueError("no such layer"))
    assert "no such layer" in caught.value.what
    assert "'broken'" in caught.value.where


@pytest.mark.parametrize("name", ["UnavailableError", "AbortedError", "CancelledError", "DeadlineExceededError"])
def test_lost_peer_is_no_error_of_the_recipe(name):
    """Building a model broadcasts its initial weights, so a peer that dies meanwhile makes it fail."""
    import tensorflow as tf

    error = getattr(tf.errors, name)(None, None, "Collective ops is aborted by: the following tasks are unhealthy")
    with pytest.raises(type(error)):
        build(error)
