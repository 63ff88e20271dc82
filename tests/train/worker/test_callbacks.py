"""Errors of a recipe's callbacks."""

import keras
import pytest

from firelib.train.worker.callbacks import Callbacks
from tests.errors import refused


class Broken(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        raise ZeroDivisionError("on purpose")

    on_train_begin = on_train_end = on_epoch_begin

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        raise KeyError("val_accuracy")


@pytest.mark.parametrize("hook", ["epoch_begin", "epoch_end"])
def test_an_error_of_a_callback_names_it(hook: str) -> None:
    """As an error of firelib, it ends the run at once: another attempt would meet it again."""
    callbacks = Callbacks([Broken()], keras.Sequential([keras.layers.Dense(1)]), 2, False)
    call = {"epoch_begin": lambda: callbacks.epoch_begin(0), "epoch_end": lambda: callbacks.epoch_end(0, {})}[hook]
    with refused(what="Broken", where="callbacks"):
        call()
