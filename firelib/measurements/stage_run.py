"""One measured run of a stage: its rows, its seconds, and the cores it had."""

import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

#: A stage that is measured.
Stage = Literal["extract", "transform", "train"]

_CPUINFO = Path("/proc/cpuinfo")


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


class StageRun(_Record):
    """One measured run.

    Attributes:
        stage: `extract`, `transform` or `train`.
        rows: Rows that it made: of the largest table, of the dataset, or of the training split times the epochs.
        seconds: Wall time of its work, without imports and the start of Ray.
        cores: Cores that it could use, over all nodes.
        nodes: Machines.
        cpu: The CPU's name, and the machine's number of cores.
        load: Load average of this machine when the run began, divided by its cores.
        row_bytes: Bytes of a row in what it wrote; 0 if that is not known.
        created: When, in ISO 8601.
        training: What only a training has.
    """

    stage: Stage
    rows: int = Field(ge=1)
    seconds: float = Field(gt=0)
    cores: float = Field(gt=0)
    nodes: int = Field(default=1, ge=1)
    cpu: str = ""
    load: float = Field(default=0, ge=0)
    row_bytes: float = Field(default=0, ge=0)
    created: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    training: TrainingFigures | None = None


def name_cpu() -> str:
    """The name of this machine's CPU, or its architecture."""
    try:
        lines = _CPUINFO.read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
