"""Which losses are Keras' own. Their values are tested by whole trainings."""

from typing import Any

import pytest

from firelib.train.model.losses import has_loss_of_keras


def build_loss(name: str) -> Any:
    from keras import losses

    class Own(losses.Loss):
        def call(self, y_true, y_pred):
            return y_pred

    return {
        "name": "binary_crossentropy",
        "class": losses.BinaryCrossentropy(),
        "function": losses.mean_squared_error,
        "own class": Own(),
        "own function": lambda y_true, y_pred: y_pred,
    }[name]


@pytest.mark.parametrize(
    ("name", "is_from_keras"),
    [("name", True), ("class", True), ("function", True), ("own class", False), ("own function", False)],
)
def test_own_losses_are_told_from_those_of_keras(name: str, is_from_keras: bool) -> None:
    from tests.train.model import models

    assert has_loss_of_keras(models.compiled(loss=build_loss(name))) == is_from_keras
