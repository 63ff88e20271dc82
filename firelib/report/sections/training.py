"""Training: curves with restarts, time spent, and the tracked run."""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

from firelib import storage
from firelib.errors import FirelibError
from firelib.report.content import Block, Facts, Missing, Table
from firelib.report.drawings.lines import LineChart
from firelib.report.figures import only_figures, show_figure
from firelib.report.project import ReportedProject, read_json_file
from firelib.train.checkpoint.state import TrainingProgress
from firelib.train.checkpoint.store import CheckpointStore
from firelib.train.tracking.wandb_runs import WandbRun, find_files, read_runs

_SYSTEM = {"cpu": "CPU, %", "memory_percent": "memory, %", "proc.memory.rssMB": "memory of rank 0, MB"}
_MOST_MISSING = 10


def curves(project: ReportedProject) -> Iterator[Block]:
    """The loss of every step and the metrics of every epoch, with the steps at which attempts began."""
    progress = project.attempt(lambda: _read_progress(project))
    steps = read_columns(project.paths.plots / "training.csv")
    if "step" not in steps or "loss" not in steps:
        what = f"no curve of the training: plots/{project.name}/training.csv is missing"
        yield Missing(what, project.command("firelib train"))
        return
    restarts = [step for step in progress.starts if step] if progress else []
    marks = {f"restart {number}": float(step) for number, step in enumerate(restarts, 1)}
    loss = list(zip(steps["step"], steps["loss"], strict=True))
    yield LineChart("Training loss", "step", "loss", {"training": loss}, marks)
    epochs = read_columns(project.paths.plots / "validation.csv")
    for name in [name for name in epochs if name != "epoch"]:
        points = list(zip(epochs.get("epoch", []), epochs[name], strict=True))
        yield LineChart(f"Validation: {name}", "epoch", name, {name: points})
    if progress is None:
        yield Missing("restarts are not known: the checkpoints of this run cannot be read from this machine")
        return
    begun = ", ".join(f"{step:,}" for step in progress.starts)
    yield Facts({"attempts": len(progress.starts), "attempts began at step": begun, "steps": f"{progress.step:,}"})


def read_columns(file: Path) -> dict[str, list[float]]:
    """The columns of a CSV file of figures; rows without a figure in each column are left out."""
    if not file.is_file():
        return {}
    with file.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    names = [name for name in (rows[0] if rows else {}) if name]
    columns: dict[str, list[float]] = {name: [] for name in names}
    for row in rows:
        try:
            values = [float(row[name]) for name in names]
        except (TypeError, ValueError):
            continue
        for name, value in zip(names, values, strict=True):
            columns[name].append(value)
    return columns


def _read_progress(project: ReportedProject) -> TrainingProgress | None:
    """The progress of the run that trained the model, from its newest checkpoint."""
    if project.run_id is None:
        return None
    return CheckpointStore(storage.join(project.paths.runs, project.run_id)).find_newest().progress


def time_spent(project: ReportedProject) -> Iterator[Block]:
    """Where the time of the last attempt went, and the metrics of the training."""
    metrics = only_figures(read_json_file(project.paths.metrics / "train.json"))
    if metrics:
        rows = [[name.replace("_", " "), show_figure(value)] for name, value in sorted(metrics.items())]
        yield Table("Metrics of the training", ["metric", "value"], rows)
    else:
        what = f"no metrics of the training: metrics/{project.name}/train.json is missing"
        yield Missing(what, project.command("firelib train"))
    timing = only_figures(project.timing)
    if not timing:
        what = f"no timing: models/{project.name}/timing.json is missing"
        yield Missing(what, project.command("firelib train"))
        return
    rows = [[name.replace("_", " "), _show_time(name, value)] for name, value in sorted(timing.items())]
    yield Table("Time spent (last attempt)", ["", "figure"], rows)


def _show_time(name: str, value: float) -> str:
    if name.endswith("_seconds") or name.startswith("step_p"):
        return f"{1000 * value:,.3g} ms" if value < 1 else f"{value:,.1f} s"
    return f"{value:.1%}" if name.endswith("share") else f"{value:,.0f}"


def tracked(project: ReportedProject) -> Iterator[Block]:
    """What Weights & Biases holds of the run, as far as it is stored on this machine."""
    remedy = project.command("WANDB_MODE=offline firelib train --fresh")
    if not find_files(project.folder):
        yield Missing("no run of W&B: wandb/ holds none. Those of other machines are not read", remedy)
        return
    if project.run_id is None:  # the runs of wandb/ may be those of other recipes
        yield Missing("which run of W&B trained the model is not known: its lineage names no run", project.run_command)
        return
    try:
        runs = read_runs(project.folder, project.run_id)
    except FirelibError as error:
        yield Missing(error.headline, error.remedy or "")
        return
    if not runs:
        yield Missing(f"wandb/ holds no tracking of run {project.run_id}", remedy)
    for run in runs[-1:]:
        yield from _describe(run)


def _describe(run: WandbRun) -> Iterator[Block]:
    missing = run.missing_steps
    shown = ", ".join(map(str, missing[:_MOST_MISSING])) + (" …" if len(missing) > _MOST_MISSING else "")
    yield Facts(
        {
            "W&B run": f"{run.project}/{run.id}",
            "name": run.name,
            "group": run.group,
            "folders (one for each start)": run.attempts,
            "ended by itself": "yes" if run.is_finished else "no",
            "steps": f"{len(run.history):,}",
            "steps that are there twice": f"{len(run.repeated):,}",
            "steps that are not there": shown if missing else "none",
            "damaged": "; ".join(run.unreadable),
        }
    )
    loss = [(float(step), values["loss"]) for step, values in sorted(run.history.items()) if "loss" in values]
    if loss:
        yield LineChart("Loss as W&B has it", "step", "loss", {"loss": loss})
    final = only_figures({name: value for name, value in run.summary.items() if not name.startswith("_")})
    if final:
        rows = [[name, show_figure(value)] for name, value in sorted(final.items())]
        yield Table("Summary of the W&B run", ["figure", "value"], rows)
    yield from _system(run.system)


def _system(system: Mapping[str, list[float]]) -> Iterator[Block]:
    rows = [
        [title, f"{sum(values) / len(values):,.1f}", f"{max(values):,.1f}"]
        for name, title in _SYSTEM.items()
        if (values := system.get(name))
    ]
    if rows:
        yield Table("System metrics of the W&B run", ["metric", "mean", "highest"], rows)
