"""The measured figures that a plan is made from."""

from dataclasses import dataclass, field

from firelib.launch.client.capacity.model.read_curve import ReadCurve
from firelib.launch.client.capacity.model.stage_curve import StageCurve
from firelib.launch.client.capacity.model.training_curve import StepCurve


@dataclass(frozen=True)
class TrainingCurve:
    """What a training takes.

    Attributes:
        steps: A step of W workers.
        start: Seconds until the first step is done.
        end: Seconds after the last step: export, publication.
        waiting: Seconds that a worker waits for each row of its share, from a local disk.
        most_rows: Rows of the largest measurement, over all of its epochs.
    """

    steps: StepCurve
    start: float
    end: float
    waiting: float
    most_rows: float


@dataclass(frozen=True)
class Figures:
    """All figures, and where they are from.

    Attributes:
        extract: Seconds of extract, on one core.
        transform: Seconds of transform.
        training: Seconds of train.
        reading: How workers read rows.
        origins: Stage → the machine and the runs that were measured.
        borrowed: Stages whose figures are those of firelib's own benchmarks, not of this project.
    """

    extract: StageCurve
    transform: StageCurve
    training: TrainingCurve
    reading: ReadCurve
    origins: dict[str, str] = field(default_factory=dict)
    borrowed: tuple[str, ...] = ()
