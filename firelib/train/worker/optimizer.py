"""The recipe's optimizer, made fit for gradients that are summed over all workers before it sees them."""

from typing import Any

import numpy as np

from firelib.config import Schedule, Train
from firelib.errors import FirelibError
from firelib.train.worker.lr_schedule import learning_rate

_WHERE = "the optimizer that build_model compiles"


def prepare(optimizer: Any, settings: Train, steps: int) -> None:
    """Apply params.yaml to an optimizer that is not built yet.

    Keras clips each worker's gradient before it sums them, so the result would depend on how many there are. Here they
    are summed first (`TrainStep`), and the optimizer's own sum is taken out: all it does, it does to the whole.

    Args:
        optimizer: May be wrapped for loss scaling (precision mixed_float16).
        settings: Section `train`.
        steps: Steps of the whole run, for the schedule.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    _refuse_unknown(inner)
    if settings.clip_norm is not None:
        _clip(inner, settings.clip_norm)
    if settings.schedule != Schedule():
        _schedule(inner, settings.schedule, steps)
    inner._all_reduce_sum_gradients = list


def _refuse_unknown(optimizer: Any) -> None:
    for name, remedy in {"gradient_accumulation_steps": "train.accumulate", "use_ema": "leave it out"}.items():
        if getattr(optimizer, name, None):
            raise FirelibError(f"{name} of Keras does not work over several workers", where=_WHERE, remedy=remedy)


def _clip(optimizer: Any, norm: float) -> None:
    own = [name for name in ("clipnorm", "clipvalue", "global_clipnorm") if getattr(optimizer, name)]
    if own:
        raise FirelibError(
            f"both it and train.clip_norm={norm:g} clip gradients", where=_WHERE, remedy=f"drop one: {', '.join(own)}"
        )
    optimizer.global_clipnorm = norm


def _schedule(optimizer: Any, schedule: Schedule, steps: int) -> None:
    import keras

    if isinstance(optimizer._learning_rate, keras.optimizers.schedules.LearningRateSchedule):
        raise FirelibError(
            f"both it and train.schedule ({schedule.kind}) change the learning rate",
            where=_WHERE,
            remedy="give the optimizer a number: params['lr']",
        )
    optimizer.learning_rate = learning_rate(float(np.asarray(optimizer.learning_rate)), schedule, steps)
