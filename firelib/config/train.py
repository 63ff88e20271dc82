"""Section `train` of params.yaml."""

from math import inf
from typing import Any, Literal

from pydantic import Field, field_validator

from firelib.config.section import Section


class Checkpoint(Section):
    """When to checkpoint a run, besides the end of every epoch. Results do not depend on it.

    Attributes:
        every_steps: Steps between two checkpoints; null disables checkpoints by steps.
        every_seconds: Seconds between two checkpoints; null disables checkpoints by time.
        keep: Number of newest checkpoints to keep; the best one (by `early_stopping.metric`) is kept as well.
    """

    every_steps: int | None = Field(default=None, ge=1)
    every_seconds: float | None = Field(default=60, gt=0)
    keep: int = Field(default=2, ge=1)


class Schedule(Section):
    """The learning rate by global step: a linear warm-up over `warmup_steps`, then a decay over the other steps.

    Attributes:
        kind: Shape of the decay: `constant`, `cosine` or `linear`.
        warmup_steps: Steps in which the learning rate rises from 0.
        final: Fraction of the learning rate that remains at the last step.
    """

    kind: Literal["constant", "cosine", "linear"] = "constant"
    warmup_steps: int = Field(default=0, ge=0)
    final: float = Field(default=0, ge=0, le=1)


class EarlyStopping(Section):
    """When to stop before the last epoch, and which epoch is the best.

    Attributes:
        metric: Validation metric, a column of plots/<recipe>/validation.csv.
        mode: Whether a smaller (`min`) or a larger (`max`) value is better; `auto` decides by the metric's name.
        patience: Epochs without an improvement after which training stops; null disables early stopping.
        minimum_change: Smallest change that counts as an improvement.
        restore_best: With `patience`: whether to return the model of the best epoch instead of the last.
    """

    metric: str = "val_loss"
    mode: Literal["auto", "min", "max"] = "auto"
    patience: int | None = Field(default=None, ge=1)
    minimum_change: float = Field(default=0, ge=0)
    restore_best: bool = True

    @property
    def returns_best(self) -> bool:
        """Whether training returns the model of the best epoch instead of the last."""
        return self.patience is not None and self.restore_best

    @property
    def smaller_is_better(self) -> bool:
        """Whether a smaller value of the metric is an improvement."""
        falling = ("loss", "error", "mae", "mse", "mape", "deviance")
        return self.mode == "min" or (self.mode == "auto" and any(word in self.metric for word in falling))


class Train(Section):
    """How the model is trained.

    Attributes:
        workers: Number of training processes, each with `cpus_per_worker` cores. Results do not depend on it.
        min_workers: Smallest number of workers to continue with when a lost node does not come back.
        cpus_per_worker: Cores of each worker.
        device: Where workers compute; `auto` takes one GPU each if the cluster has one for every worker, else CPUs.
        global_batch_size: Rows in one step over all workers.
        epochs: Passes over the training split.
        lr: Initial learning rate of the recipe's optimizer.
        seed: Seed of the initial weights and of the order of rows.
        precision: Dtype that layers compute with. Weights are float32, or float64 with `float64`.
        xla: Whether XLA compiles the forward and backward pass.
        steps_per_execution: Steps in one call into TensorFlow.
        accumulate: Parts in which a worker processes its share of a batch, one after the other, to save memory.
        clip_norm: Maximum norm of the gradient of a global batch; a longer gradient is scaled down.
        class_weights: `balanced`, or class → weight of its rows; null gives all rows the same weight.
        schedule: Learning-rate schedule.
        early_stopping: Early stopping and the choice of the best epoch.
        checkpoint: When to checkpoint.
        hang_seconds: Seconds without a heartbeat before a worker is considered lost; the limit for a step by any
            worker is ten times this.
        start_seconds: Seconds to wait for free worker slots, and then for the workers to start, before a retry.
    """

    workers: int = Field(ge=1)
    min_workers: int = Field(default=1, ge=1)
    cpus_per_worker: float = Field(default=1, gt=0)
    device: Literal["auto", "cpu", "gpu"] = "auto"
    global_batch_size: int = Field(ge=1)
    epochs: int = Field(ge=1)
    lr: float = Field(gt=0, allow_inf_nan=False)
    seed: int = Field(ge=0, lt=2**31)
    precision: Literal["float32", "float64", "mixed_bfloat16", "mixed_float16"] = "float32"
    xla: bool = False
    steps_per_execution: int = Field(default=1, ge=1)
    accumulate: int = Field(default=1, ge=1)
    clip_norm: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    class_weights: Literal["balanced"] | dict[int, float] | None = None
    schedule: Schedule = Schedule()
    early_stopping: EarlyStopping = EarlyStopping()
    checkpoint: Checkpoint = Checkpoint()
    hang_seconds: float = Field(default=60, gt=0)
    start_seconds: float = Field(default=300, gt=0)

    @field_validator("class_weights", mode="before")
    @classmethod
    def _refuse_class_names(cls, weights: Any) -> Any:
        names = [name for name in weights if not isinstance(name, int)] if isinstance(weights, dict) else []
        if names:
            raise ValueError(f"expected numbers of classes (their positions in `classes`, from 0), got {names[0]!r}")
        if isinstance(weights, str) and weights != "balanced":
            raise ValueError(f"expected 'balanced', or class number: weight, got {weights!r}")
        return weights

    @field_validator("class_weights")
    @classmethod
    def _validate_class_weights(cls, weights: Any) -> Any:
        if isinstance(weights, dict) and any(label < 0 or not 0 <= weight < inf for label, weight in weights.items()):
            raise ValueError(f"expected classes from 0 and finite weights of 0 or more: {weights}")
        return weights
