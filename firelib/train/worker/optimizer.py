"""Prepare the recipe's optimizer for gradients that are summed over all workers before it sees them."""

import numpy as np

from firelib.config import Schedule, Train
from firelib.errors import FirelibError
from firelib.train.keras_types import Optimizer
from firelib.train.worker.lr_schedule import build_schedule

_WHERE = "the optimizer that build_model compiles"


def prepare_optimizer(optimizer: Optimizer, settings: Train, steps: int) -> None:
    """Apply params.yaml to an optimizer that is not built yet.

    Keras clips each worker's gradient before it sums them, so the result would depend on the number of workers. Here
    `TrainStep` sums the gradients first, and the optimizer's own sum is disabled: it works on the global gradient.

    Args:
        optimizer: The optimizer; it may be wrapped for loss scaling (precision mixed_float16).
        settings: Section `train`.
        steps: Steps of the run, for the schedule.

    Raises:
        FirelibError: The optimizer uses an option that works on one worker only, or conflicts with params.yaml.
    """
    inner: Optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    _refuse_unsupported(inner)
    if settings.clip_norm is not None:
        _set_clip_norm(inner, settings.clip_norm)
    if settings.schedule != Schedule():
        _set_schedule(inner, settings.schedule, steps)
    inner._all_reduce_sum_gradients = list


def _refuse_unsupported(optimizer: Optimizer) -> None:
    remedies = {"gradient_accumulation_steps": "drop it and set train.accumulate", "use_ema": "drop it"}
    for name, remedy in remedies.items():
        if getattr(optimizer, name, None):
            raise FirelibError(f"Keras' {name} does not work over several workers", where=_WHERE, remedy=remedy)


def _set_clip_norm(optimizer: Optimizer, norm: float) -> None:
    own = [name for name in ("clipnorm", "clipvalue", "global_clipnorm") if getattr(optimizer, name)]
    if own:
        raise FirelibError(
            f"the optimizer ({', '.join(own)}) and train.clip_norm ({norm:g}) both clip gradients",
            where=_WHERE,
            remedy=f"drop one of them: {', '.join(own)} in the recipe, or train.clip_norm in params.yaml",
        )
    optimizer.global_clipnorm = norm


def _set_schedule(optimizer: Optimizer, schedule: Schedule, steps: int) -> None:
    import keras

    if isinstance(optimizer._learning_rate, keras.optimizers.schedules.LearningRateSchedule):
        raise FirelibError(
            f"the optimizer's own schedule and train.schedule ({schedule.kind}) both change the learning rate",
            where=_WHERE,
            remedy="pass a number to the optimizer: params['lr']",
        )
    optimizer.learning_rate = build_schedule(float(np.asarray(optimizer.learning_rate)), schedule, steps)
