"""Keras callbacks of a recipe: the training loop calls some hooks and refuses callbacks that need others."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from firelib.errors import FirelibError
from firelib.train.keras_types import Callback, Model

_HOOKS = ("on_train_begin", "on_train_end", "on_epoch_begin", "on_epoch_end")
_REPLACEMENTS = {
    "EarlyStopping": "set train.early_stopping",
    "ModelCheckpoint": "set train.checkpoint; the best epoch is kept too",
    "BackupAndRestore": "set train.checkpoint; a stopped run is resumed automatically",
    "TensorBoard": "set FIRELIB_TRACKING=tensorboard",
    "CSVLogger": "read plots/<recipe>/training.csv and validation.csv, which are always written",
    "ProgbarLogger": "drop it; progress is always shown",
    "History": "read plots/<recipe>/training.csv and validation.csv, which are always written",
    "TerminateOnNaN": "drop it; training always ends at a loss that is not finite",
    "SwapEMAWeights": "drop it",
}
_STATEFUL = "ReduceLROnPlateau"  # counts epochs, so a resumed run replays the past epochs to it


class Callbacks:
    """The callbacks of one run. They run on every worker, so that all workers change the learning rate alike.

    Args:
        callbacks: Result of the recipe's `callbacks`.
        model: The model that is trained.
        epochs: Epochs of the run.
        scheduled: Whether params.yaml sets a learning rate schedule.

    Raises:
        FirelibError: Some callbacks need hooks that the loop does not call; all of them are named.
    """

    def __init__(self, callbacks: Sequence[Callback], model: Model, epochs: int, scheduled: bool) -> None:
        problems = [problem for callback in callbacks if (problem := _find_problem(callback, scheduled))]
        if problems:
            raise FirelibError(
                "\n".join(problems),
                where="the recipe's callbacks",
                remedy=f"use callbacks that override only {', '.join(_HOOKS)}",
            )
        self._callbacks, self._model = callbacks, model
        for callback in callbacks:
            callback.set_params({"epochs": epochs, "verbose": 0})
            callback.set_model(model)

    @property
    def stop_requested(self) -> bool:
        """Whether a callback has set `model.stop_training`."""
        return bool(self._callbacks) and bool(getattr(self._model, "stop_training", False))

    def train_begin(self, past: Sequence[Mapping[str, float]]) -> None:
        """Call `on_train_begin`, before the checkpoint is restored.

        Args:
            past: Logs of the epochs that are done; empty for a new run.
        """
        for callback in self._callbacks:
            with _blame(callback):
                callback.on_train_begin()
                if type(callback).__name__ == _STATEFUL:
                    for epoch, logs in enumerate(past):
                        callback.on_epoch_end(epoch, dict(logs))

    def epoch_begin(self, epoch: int) -> None:
        """Call `on_epoch_begin` for an epoch, counted from 0."""
        for callback in self._callbacks:
            with _blame(callback):
                callback.on_epoch_begin(epoch)

    def epoch_end(self, epoch: int, logs: Mapping[str, float]) -> None:
        """Call `on_epoch_end`.

        Args:
            epoch: The epoch, counted from 0.
            logs: Training loss and validation metrics of the epoch.
        """
        for callback in self._callbacks:
            with _blame(callback):
                callback.on_epoch_end(epoch, dict(logs))

    def train_end(self) -> None:
        """Call `on_train_end`."""
        for callback in self._callbacks:
            with _blame(callback):
                callback.on_train_end()


@contextmanager
def _blame(callback: Callback) -> Iterator[None]:
    """Explain an error of a callback: another attempt would meet it again, after half a minute."""
    try:
        yield
    except Exception as error:
        raise FirelibError(
            f"{type(callback).__name__}: {type(error).__name__}: {error}",
            where="the recipe's callbacks",
            remedy="correct it, or drop it; firelib check finds metrics that training does not report",
        ) from error


def _find_problem(callback: Any, scheduled: bool) -> str | None:
    import keras

    if not isinstance(callback, keras.callbacks.Callback):
        return f"expected a keras.callbacks.Callback, got {callback!r}"
    kinds = [kind.__name__ for kind in type(callback).__mro__]
    for kind, replacement in _REPLACEMENTS.items():
        if kind in kinds:
            return f"{kind} is not supported: {replacement}"
    if scheduled and {"LearningRateScheduler", _STATEFUL} & set(kinds):
        return f"{kinds[0]} and train.schedule both set the learning rate: drop one of them"
    others = sorted(name for name in _overridden_hooks(callback) if name not in _HOOKS)
    return f"{kinds[0]} overrides {', '.join(others)}, which the training loop does not call" if others else None


def _overridden_hooks(callback: Any) -> set[str]:
    """Hooks that a callback overrides in its class, or (LambdaCallback) on the instance."""
    import keras

    base = keras.callbacks.Callback
    names = {name for name in dir(base) if name.startswith("on_")}
    return {
        name for name in names if name in vars(callback) or getattr(type(callback), name) is not getattr(base, name)
    }
