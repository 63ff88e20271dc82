"""Measure a stage while it runs, and record it in the project."""

import math
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from firelib.console import note
from firelib.machine import usable_cores
from firelib.measurements.stage_run import Stage, StageRun, TrainingFigures, name_cpu
from firelib.measurements.store import record_run
from firelib.project_layout import Paths

_Z99 = 2.326  # the 99th percentile of a normal distribution, in standard deviations
_FLOAT_BYTES = 4


@dataclass
class Measurement:
    """What a stage has made, as far as it says so.

    Attributes:
        rows: Rows that it made; 0 leaves the run unrecorded.
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
def measure_stage(paths: Paths, stage: Stage, is_whole: bool = True) -> Iterator[Measurement]:
    """Record the block as a run of a stage, unless it fails.

    Args:
        paths: The recipe's files.
        stage: The stage.
        is_whole: Whether the block makes everything. Work of which a part was done before says nothing about a rate.

    Yields:
        What the block must fill in.
    """
    measurement, load = Measurement(), os.getloadavg()[0] / usable_cores()
    started = time.perf_counter()
    yield measurement
    seconds = time.perf_counter() - started
    if not is_whole or paths.elsewhere:
        return
    try:
        if _is_complete(measurement, seconds):
            record_run(paths.project, paths.recipe, _build_run(stage, measurement, seconds, load))
    except Exception as error:  # noqa: BLE001  the stage has succeeded, and Ray raises whatever its client does
        note(f"the {stage} run is not recorded for firelib plan: {type(error).__name__}: {error}")


def _build_run(stage: Stage, measurement: Measurement, seconds: float, load: float) -> StageRun:
    cores, nodes = _count_cores()
    return StageRun(
        stage=stage,
        rows=measurement.rows,
        seconds=seconds,
        cores=cores,
        nodes=nodes,
        cpu=name_cpu(),
        load=load,
        row_bytes=measurement.row_bytes,
        training=_summarize(measurement, seconds) if measurement.timing else None,
    )


def _is_complete(measurement: Measurement, seconds: float) -> bool:
    """Whether the figures are those of one undisturbed run; a finished training that is published again is none."""
    timing = measurement.timing
    if timing is None or not measurement.rows:
        return measurement.rows > 0
    trained = timing.get("start_up_seconds", 0.0) + timing["step_seconds"]
    return timing["steps"] > 0 and not timing.get("restarts") and trained <= seconds


def _summarize(measurement: Measurement, seconds: float) -> TrainingFigures:
    timing = measurement.timing or {}
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


def _count_cores() -> tuple[float, int]:
    """Cores and nodes of the Ray that this process is connected to, else of this machine."""
    ray = sys.modules.get("ray")
    if ray is None or not ray.is_initialized():
        return float(usable_cores()), 1
    nodes = [node for node in ray.nodes() if node["Alive"]]
    return sum(node["Resources"].get("CPU", 0.0) for node in nodes), len(nodes)
