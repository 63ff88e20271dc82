"""The record of one run of a stage: when and where it ran, what Ray did for it, and the rate that it measured."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from firelib.stage_records.ray_activity import Node, Task, TaskTotal

#: Version of the schema that this firelib writes. Records of earlier versions lack fields that have defaults.
VERSION = 2

#: A stage that leaves records.
Stage = Literal["extract", "transform", "train", "evaluate"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class TrainingFigures(_Record):
    """What only a training has.

    Attributes:
        workers: Training processes.
        batch_rows: Rows of a global batch.
        step_seconds: Median of a step without its wait for data.
        spread: Natural logarithm of a slow step ÷ the median, as standard deviation of a log-normal distribution.
        waiting_seconds: Wait for data, per row of a worker's share.
        start_seconds: From the start of the workers to the end of the first step.
        end_seconds: All other seconds of the command: validation, checkpoints, export.
        weights_bytes: Bytes that an all-reduce sums up.
        device: What the workers compute on.
    """

    workers: int = Field(ge=1)
    batch_rows: int = Field(ge=1)
    step_seconds: float = Field(gt=0)
    spread: float = Field(ge=0)
    waiting_seconds: float = Field(ge=0)
    start_seconds: float = Field(ge=0)
    end_seconds: float = Field(ge=0)
    weights_bytes: int = Field(ge=0)
    device: Literal["cpu", "gpu"] = "cpu"


class StageRecord(_Record):
    """The record of one run.

    Attributes:
        version: Version of the schema.
        stage: Name of the stage.
        begun: When it began, UTC, ISO 8601.
        seconds: Wall time of its work, without imports and the start of Ray.
        origin: Where it ran: in the project itself, in a job's copy of the project, whose outputs came back, or in the
            temporary folder of `firelib plan --measure`. An earlier firelib did not say so in its files for plans.
        job: Id of the job that it was a part of.
        nodes: Nodes of Ray; none if the stage does not use Ray.
        totals: Tasks of Ray by name.
        tasks: The longest tasks, in the order of their start.
        rows: Rows that it made if it made everything, and without a disturbance, else 0: of the largest table, of the
            dataset, or of the training split times the epochs. A part of the work says nothing about a rate.
        row_bytes: Bytes of a row in what it wrote; 0 if that is not known.
        cores: Cores that it could use, over all nodes; 0 if that is not known.
        cpu: Name of the CPU.
        load: Load average of the machine when the run began, divided by its cores.
        training: What only a training has, if `rows` counts.
    """

    version: int = Field(default=1, ge=1)
    stage: Stage
    begun: str
    seconds: float = Field(ge=0)
    origin: Literal["project", "job", "calibration", "earlier"] = "project"
    job: str | None = None
    nodes: tuple[Node, ...] = ()
    totals: tuple[TaskTotal, ...] = ()
    tasks: tuple[Task, ...] = ()
    rows: int = Field(default=0, ge=0)
    row_bytes: float = Field(default=0, ge=0)
    cores: float = Field(default=0, ge=0)
    cpu: str = ""
    load: float = Field(default=0, ge=0)
    training: TrainingFigures | None = None

    @property
    def measures_rate(self) -> bool:
        """Whether the rate of its stage follows from it."""
        return self.rows > 0 and self.seconds > 0 and self.cores > 0
