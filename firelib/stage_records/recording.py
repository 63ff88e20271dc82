"""Record a stage while it runs. A record is no output of DVC, since it holds times."""

import math
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from firelib.console import note
from firelib.job_context import find_job, returns_outputs
from firelib.machine import name_cpu, usable_cores
from firelib.project_layout import Paths
from firelib.stage_records.ray_activity import read_activity
from firelib.stage_records.stage_record import VERSION, Stage, StageRecord, TrainingFigures
from firelib.stage_records.store import write_record

_Z99 = 2.326  # the 99th percentile of a normal distribution, in standard deviations
_FLOAT_BYTES = 4


@dataclass
class Measurement:
    """What a stage has made, as far as it says so.

    Attributes:
        rows: Rows that it made.
        row_bytes: Bytes of a row.
        timing: Of a training: its timing.json.
        workers: Of a training: its workers.
        batch_rows: Of a training: rows of a global batch.
        parameters: Of a training: numbers in the model's weights.
        device: Of a training: what its workers compute on.
    """

    rows: int = 0
    row_bytes: float = 0.0
    timing: Mapping[str, float] | None = None
    workers: int = 1
    batch_rows: int = 1
    parameters: int = 0
    device: Literal["cpu", "gpu"] = "cpu"


@contextmanager
def record_stage(stage: Stage, paths: Paths, is_whole: bool = True) -> Iterator[Measurement]:
    """Record the block as a run of a stage, unless it fails.

    Args:
        stage: The stage.
        paths: The recipe's files.
        is_whole: Whether the block makes everything. Work of which a part was done before says nothing about a rate.

    Yields:
        What the block fills in; without rows, the record holds no rate.
    """
    measurement, load = Measurement(), os.getloadavg()[0] / usable_cores()
    begun, started = datetime.now(UTC), time.perf_counter()
    yield measurement
    seconds = time.perf_counter() - started  # Ray takes seconds to list its tasks, which are none of the stage
    try:
        figures = _describe_rate(measurement, seconds) if is_whole else {}
        write_record(paths.project, paths.recipe, _build_record(stage, begun, seconds, load=load, **figures))
    except Exception as error:  # noqa: BLE001  the stage has succeeded, and Ray raises whatever its client does
        note(f"this run of stage {stage} is not recorded: {type(error).__name__}: {error}")


def _build_record(stage: Stage, begun: datetime, seconds: float, **figures: Any) -> StageRecord:
    nodes, totals, tasks = read_activity(begun.timestamp())
    return StageRecord(
        version=VERSION,
        stage=stage,
        begun=begun.isoformat(timespec="seconds"),
        seconds=seconds,
        origin="job" if returns_outputs() else "project",
        job=find_job(),
        nodes=nodes,
        totals=totals,
        tasks=tasks,
        cores=sum(node.cpus for node in nodes) or float(usable_cores()),
        cpu=name_cpu(),
        **figures,
    )


def _describe_rate(measurement: Measurement, seconds: float) -> dict[str, Any]:
    """Fields of the record from which a rate follows; none if the figures are not those of one undisturbed run."""
    if not measurement.rows or not _is_undisturbed(measurement.timing, seconds):
        return {}
    training = _summarize(measurement, measurement.timing, seconds) if measurement.timing else None
    return {"rows": measurement.rows, "row_bytes": measurement.row_bytes, "training": training}


def _is_undisturbed(timing: Mapping[str, float] | None, seconds: float) -> bool:
    """Whether a training ran once from its start to its end; a finished one that is published again did not."""
    if timing is None:
        return True
    trained = timing.get("start_up_seconds", 0.0) + timing["step_seconds"]
    return timing["steps"] > 0 and not timing.get("restarts") and trained <= seconds


def _summarize(measurement: Measurement, timing: Mapping[str, float], seconds: float) -> TrainingFigures:
    start, waiting = timing.get("start_up_seconds", 0.0), timing.get("data_seconds", 0.0)
    slow = max(1.0, timing["step_p99"] / timing["step_p50"])
    return TrainingFigures(
        workers=measurement.workers,
        batch_rows=measurement.batch_rows,
        step_seconds=timing["step_p50"],
        spread=math.log(slow) / _Z99,
        waiting_seconds=waiting / (measurement.rows / measurement.workers),
        start_seconds=start,
        end_seconds=max(0.0, seconds - start - waiting - timing["step_seconds"]),
        weights_bytes=_FLOAT_BYTES * measurement.parameters,
        device=measurement.device,
    )
