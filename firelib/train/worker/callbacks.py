"""Keras callbacks of a recipe: those whose hooks this loop has are honoured, the others are refused by name."""

from collections.abc import Mapping, Sequence
from typing import Any

from firelib.errors import FirelibError

_HOOKS = ("on_train_begin", "on_train_end", "on_epoch_begin", "on_epoch_end")
_INSTEAD = {
    "EarlyStopping": "train.early_stopping",
    "ModelCheckpoint": "train.checkpoint; the best epoch is kept too",
    "BackupAndRestore": "train.checkpoint; a stopped run goes on by itself",
    "TensorBoard": "FIRELIB_TRACKING",
    "CSVLogger": "plots/<recipe>/training.csv and validation.csv are written anyway",
    "ProgbarLogger": "progress is shown anyway",
    "History": "plots/<recipe>/training.csv and validation.csv are written anyway",
    "TerminateOnNaN": "training ends at a loss that is no number anyway",
    "SwapEMAWeights": "leave it out",
}
_STATEFUL = "ReduceLROnPlateau"  # counts epochs; on a resume it is shown those that are over


class Callbacks:
    """The callbacks of one run. They run on every worker, so that a learning rate changes on all.

    Args:
        callbacks: What the recipe gives.
        model: The model that is trained.
        epochs: Of the whole run.
        scheduled: Whether params.yaml sets a schedule of the learning rate.

    Raises:
        FirelibError: Some cannot be honoured (all of them named).
    """

    def __init__(self, callbacks: Sequence[Any], model: Any, epochs: int, scheduled: bool) -> None:
        problems = [problem for callback in callbacks if (problem := _problem(callback, scheduled))]
        if problems:
            raise FirelibError(
                "\n".join(problems),
                where="the recipe's callbacks",
                remedy=f"callbacks may use {', '.join(_HOOKS)}",
            )
        self._callbacks, self._model = callbacks, model
        for callback in callbacks:
            callback.set_params({"epochs": epochs, "verbose": 0})
            callback.set_model(model)

    @property
    def want_to_stop(self) -> bool:
        """Whether one has set `model.stop_training`."""
        return bool(self._callbacks) and bool(getattr(self._model, "stop_training", False))

    def train_begin(self, past: Sequence[Mapping[str, float]]) -> None:
        """Begin, or go on after some epochs, whose logs are given: the checkpoint is restored after this."""
        for callback in self._callbacks:
            callback.on_train_begin()
            if type(callback).__name__ == _STATEFUL:
                for epoch, logs in enumerate(past):
                    callback.on_epoch_end(epoch, dict(logs))

    def epoch_begin(self, epoch: int) -> None:
        for callback in self._callbacks:
            callback.on_epoch_begin(epoch)

    def epoch_end(self, epoch: int, logs: Mapping[str, float]) -> None:
        for callback in self._callbacks:
            callback.on_epoch_end(epoch, dict(logs))

    def train_end(self) -> None:
        for callback in self._callbacks:
            callback.on_train_end()


def _problem(callback: Any, scheduled: bool) -> str | None:
    import keras

    if not isinstance(callback, keras.callbacks.Callback):
        return f"{callback!r} is no Keras callback"
    kinds = [kind.__name__ for kind in type(callback).__mro__]
    for kind, remedy in _INSTEAD.items():
        if kind in kinds:
            return f"{kind} is not used by this loop; instead: {remedy}"
    if scheduled and {"LearningRateScheduler", _STATEFUL} & set(kinds):
        return f"{kinds[0]} and train.schedule both set the learning rate: drop one"
    others = sorted(name for name in _overridden(callback) if name not in _HOOKS)
    return f"{kinds[0]} uses {', '.join(others)}, which this loop does not call" if others else None


def _overridden(callback: Any) -> set[str]:
    """Hooks that a callback has of its own, by its class or (LambdaCallback) by itself."""
    import keras

    base = keras.callbacks.Callback
    names = {name for name in dir(base) if name.startswith("on_")}
    return {
        name for name in names if name in vars(callback) or getattr(type(callback), name) is not getattr(base, name)
    }
