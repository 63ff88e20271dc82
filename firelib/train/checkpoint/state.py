"""How far a run is: what a checkpoint holds beside the variables."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Best:
    """The best epoch so far.

    Attributes:
        value: Of the metric that `early_stopping` names.
        epoch: Counted from 1.
        step: Global batches done when it ended; its checkpoint has that name.
    """

    value: float
    epoch: int
    step: int


@dataclass
class TrainingProgress:
    """How far a run is.

    Attributes:
        epoch: Epochs done, validation included.
        step: Global batches done.
        position: Global batches done in the epoch that is going on.
        seed: Of the order of rows, which with `epoch` and `position` says what comes next.
        losses: Training loss of every step.
        validation: Validation metrics after every epoch.
        starts: Step at which each start of workers began.
        best: The best epoch, if one has ended.
        stopped_early: Whether training ended before its last epoch.
        tracking_id: The W&B run that goes on after a restart.
        timing: Where the time of the last start went; never part of a checkpoint.
    """

    epoch: int = 0
    step: int = 0
    position: int = 0
    seed: int = 0
    losses: list[float] = field(default_factory=list)
    validation: list[dict[str, float]] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    best: Best | None = None
    stopped_early: bool = False
    tracking_id: str | None = None
    timing: dict[str, float] = field(default_factory=dict, compare=False)
