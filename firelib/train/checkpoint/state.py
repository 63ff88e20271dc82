"""The progress of a run, which a checkpoint holds beside the variables."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class BestEpoch:
    """The best epoch so far.

    Attributes:
        value: Value of the metric that `train.early_stopping.metric` names.
        epoch: The epoch, counted from 1.
        step: Steps done at the end of the epoch; identifies its checkpoint.
    """

    value: float
    epoch: int
    step: int


@dataclass
class TrainingProgress:
    """The progress of a run.

    Attributes:
        epoch: Epochs done, validation included.
        step: Steps done.
        position: Steps done in the current epoch.
        seed: Seed of the row order. With `epoch` and `position` it determines the next batch.
        losses: Training loss of every step.
        validation: Validation metrics of every epoch.
        starts: Step at which each attempt began.
        best: The best epoch so far, if an epoch has ended.
        stopped_early: Whether training ended before its last epoch.
        tracking_id: Id of the W&B run, which a restart continues.
        timing: Timing of the last attempt; never part of a checkpoint.
    """

    epoch: int = 0
    step: int = 0
    position: int = 0
    seed: int = 0
    losses: list[float] = field(default_factory=list)
    validation: list[dict[str, float]] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    best: BestEpoch | None = None
    stopped_early: bool = False
    tracking_id: str | None = None
    timing: dict[str, float] = field(default_factory=dict, compare=False)

    def summarize(self, of_best: bool) -> dict[str, float]:
        """Steps, training loss and validation metrics at the end of the epoch whose model the run returns.

        Args:
            of_best: Whether this is the best epoch; otherwise, it is the last one.
        """
        best = self.best if of_best else None
        step = best.step if best else self.step
        metrics = next(row for row in self.validation if row["epoch"] == (best.epoch if best else self.epoch))
        metrics = {name: value for name, value in metrics.items() if name != "epoch"}
        return {"steps": step, "train_loss": self.losses[step - 1], **metrics}
