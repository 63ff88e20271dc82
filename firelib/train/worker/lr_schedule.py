"""The learning rate as a function of the global step, with Keras' own decays."""

from typing import Any

from firelib.config import Schedule
from firelib.errors import FirelibError


def learning_rate(highest: float, schedule: Schedule, steps: int) -> Any:
    """A Keras schedule: in a line from 0 to `highest`, then down to its share `final` at the last step.

    Args:
        highest: The rate after the warmup.
        schedule: Kind and length.
        steps: Steps of the whole run, warmup included.
    """
    import keras

    falling = steps - schedule.warmup_steps
    if falling < 1:
        raise FirelibError(
            f"a warmup of {schedule.warmup_steps} steps leaves none of the run's {steps}",
            where="params.yaml: train.schedule.warmup_steps",
            remedy="a shorter warmup, or more epochs",
        )
    decays = keras.optimizers.schedules
    last = highest * schedule.final
    decay = {
        "constant": lambda: decays.PolynomialDecay(highest, falling, highest),
        "cosine": lambda: decays.CosineDecay(highest, falling, schedule.final),
        "linear": lambda: decays.PolynomialDecay(highest, falling, last),
    }[schedule.kind]()
    return _with_warmup(decay, highest, schedule.warmup_steps)


def _with_warmup(decay: Any, highest: float, warmup: int) -> Any:
    import keras

    class Warmup(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]  # Keras is untyped
        def __call__(self, step: Any) -> Any:
            ops = keras.ops
            step = ops.cast(step, "float32")
            rising = highest * (step + 1) / max(1, warmup)
            return ops.where(step < warmup, rising, decay(ops.maximum(step - warmup, 0)))

    return Warmup() if warmup else decay
