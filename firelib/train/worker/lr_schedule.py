"""The learning rate as a function of the global step: linear warmup, then one of Keras' decays."""

from typing import Any

from firelib.config import Schedule
from firelib.errors import FirelibError


def build_schedule(highest: float, schedule: Schedule, steps: int) -> Any:
    """Build a Keras learning rate schedule.

    The rate of step s, counted from 0, is `highest` × (s + 1) / warmup_steps during the warmup. After it the rate
    decays from `highest` towards `highest` × `final` over the remaining steps. Keras has a warmup for one of the three
    kinds only (`CosineDecay`), and its usual form starts at a rate of 0, so that the first step trains nothing.

    Args:
        highest: Learning rate after the warmup.
        schedule: Section `train.schedule`.
        steps: Steps of the run, warmup included.

    Returns:
        A `keras.optimizers.schedules.LearningRateSchedule`.

    Raises:
        FirelibError: The warmup is as long as the run, or longer.
    """
    import keras

    decay_steps = steps - schedule.warmup_steps
    if decay_steps < 1:
        raise FirelibError(
            f"expected a warmup shorter than the run of {steps} steps, got {schedule.warmup_steps} steps",
            where="params.yaml: train.schedule.warmup_steps",
            remedy="reduce train.schedule.warmup_steps, or increase train.epochs",
        )
    decays = keras.optimizers.schedules
    decay = {
        "constant": lambda: decays.PolynomialDecay(highest, decay_steps, highest),
        "cosine": lambda: decays.CosineDecay(highest, decay_steps, schedule.final),
        "linear": lambda: decays.PolynomialDecay(highest, decay_steps, highest * schedule.final),
    }[schedule.kind]()
    return _add_warmup(decay, highest, schedule.warmup_steps)


def _add_warmup(decay: Any, highest: float, warmup: int) -> Any:
    import keras

    class Warmup(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]  # Keras is untyped
        def __call__(self, step: Any) -> Any:
            ops = keras.ops
            step = ops.cast(step, "float32")
            rising = highest * (step + 1) / max(1, warmup)
            return ops.where(step < warmup, rising, decay(ops.maximum(step - warmup, 0)))

    return Warmup() if warmup else decay
