"""Make figures from the runs that a project has recorded, and from the defaults where it has none."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from firelib.console import note
from firelib.launch.client.capacity.defaults import default_reading, default_stage, default_steps, read_defaults
from firelib.launch.client.capacity.model.figures import Figures, TrainingCurve
from firelib.launch.client.capacity.model.read_curve import ReadCurve
from firelib.launch.client.capacity.model.stage_curve import Point, StageCurve, fit_stage
from firelib.launch.client.capacity.model.training_curve import StepSample, fit_step
from firelib.stage_records.stage_record import StageRecord, TrainingFigures
from firelib.stage_records.store import read_records

STAGES = ("extract", "transform", "train")

_MOST_LOAD = 1.5  # a core; a run that began with more was on a busy machine


def read_measured(project: Path, recipe: str) -> list[StageRecord]:
    """Read the runs of a recipe that measured a rate, the oldest first; what cannot be read is named.

    Jobs are left out: their machines and storage are not those of this project's own runs.

    Args:
        project: The project's folder.
        recipe: The recipe's name.
    """
    stored = read_records(project, recipe)
    for problem in stored.problems:  # no reason not to plan
        note(f"left out of the plan: {problem.where}: {problem.headline}")
    return [record for record in stored.records if record.measures_rate and record.origin != "job"]


def build_figures(runs: Sequence[StageRecord], recipe: str, block_rows: int | None = None) -> Figures:
    """Build the figures of a plan.

    Args:
        runs: Recorded runs of the recipe.
        recipe: The recipe's name.
        block_rows: Rows of a block of its dataset, if there is one.
    """
    by_stage = {stage: _choose_runs([run for run in runs if run.stage == stage]) for stage in STAGES}
    reading = _build_reading([*by_stage["transform"], *by_stage["train"]], block_rows)
    return Figures(
        extract=_build_stage("extract", by_stage["extract"], cores=1),
        transform=_build_stage("transform", by_stage["transform"]),
        training=_build_training(by_stage["train"], recipe),
        reading=reading,
        origins={stage: _describe_origin(found) for stage, found in by_stage.items()},
        borrowed=tuple(stage for stage, found in by_stage.items() if not found),
    )


def _choose_runs(runs: Sequence[StageRecord]) -> list[StageRecord]:
    """The runs of a stage that count: trainings of the newest model on CPUs, and calm machines if any were."""
    on_cpus = [run for run in runs if run.training is None or run.training.device == "cpu"]
    alike = [run for run in on_cpus if _weights_bytes(run) == _weights_bytes(on_cpus[-1])]
    return [run for run in alike if not _was_busy(run)] or alike


def _weights_bytes(run: StageRecord) -> int:
    return run.training.weights_bytes if run.training else 0


def _was_busy(run: StageRecord) -> bool:
    return run.load > _MOST_LOAD


def _build_stage(stage: str, runs: Sequence[StageRecord], cores: float | None = None) -> StageCurve:
    """Fit a stage that is not training; `cores` are those that it uses, however many there are."""
    raw = read_defaults()
    points = [Point(run.rows, cores or run.cores, run.seconds) for run in runs]
    curve = fit_stage(points, float(raw[f"{stage}_fixed"])) if points else default_stage(stage)
    return replace(curve, fixed=curve.fixed + float(raw["start_up"][stage]))


def _build_training(runs: Sequence[StageRecord], recipe: str) -> TrainingCurve:
    raw, usual = read_defaults(), default_steps(recipe)
    start_up = float(raw["start_up"]["train"])
    found = [run.training for run in runs if run.training]
    if not found:
        start, end = float(raw["training_start"]), float(raw["training_end"])
        return TrainingCurve(usual, start + start_up, end, float(raw["waiting"]), float(raw["most_rows"]))
    last = found[-1]
    own = replace(usual, weights_bytes=last.weights_bytes, spread=median(each.spread for each in found))
    return TrainingCurve(
        steps=fit_step([_to_sample(each) for each in found], own),
        start=start_up + median(each.start_seconds for each in found),
        end=median(each.end_seconds for each in found),
        waiting=median(each.waiting_seconds for each in found),
        most_rows=max(run.rows for run in runs),
    )


def _to_sample(training: TrainingFigures) -> StepSample:
    return StepSample(training.workers, training.batch_rows, training.step_seconds)


def _build_reading(runs: Sequence[StageRecord], block_rows: int | None) -> ReadCurve:
    usual = default_reading()
    sizes = [run.row_bytes for run in runs if run.row_bytes]
    row_bytes = sizes[-1] if sizes else usual.row_bytes
    return replace(usual, block_rows=block_rows or usual.block_rows, row_bytes=row_bytes)


def _describe_origin(runs: Sequence[StageRecord]) -> str:
    if not runs:
        raw = read_defaults()
        return f"firelib's benchmarks ({raw['machine']})"
    last = runs[-1]
    count = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
    nodes = "" if len(last.nodes) <= 1 else f" of {len(last.nodes)} nodes"
    busy = f", on a busy machine (load {last.load:.1f} a core)" if _was_busy(last) else ""
    return (
        f"{count} of this project on {last.cores:g} cores{nodes} ({last.cpu}){busy}, the last one of {last.begun[:10]}"
    )
