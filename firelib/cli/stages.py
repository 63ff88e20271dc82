"""The commands of the pipeline: `run`, one for each stage, `tune` and `predict`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from firelib.cli import launch
from firelib.cli.commands import STAGES, run_needs, sends_stages
from firelib.cli.completion import complete_stage
from firelib.cli.project import (
    Project,
    RecipeName,
    TrackingName,
    connect_ray,
    current_options,
    find_params_file,
    load_project,
    probe_storage,
    with_tracking,
)
from firelib.extras import require_modules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from firelib.stage_records.recording import Measurement


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    for command in (run, extract, transform, train, tune, evaluate, predict):
        app.command()(command)


def run(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            help="Stages to bring up to date; default: all.", autocompletion=complete_stage, show_default=False
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", "-f", help="Run stages that are up to date, too.")] = False,
    check: Annotated[bool, typer.Option("--check/--no-check", help="Check the project before stages run.")] = True,
    recipe: RecipeName = None,
) -> None:
    """Bring the pipeline up to date: `dvc repro`, with one Ray for all stages.

    Examples: `firelib run` · `firelib run transform` · `firelib run --recipe fashion_mnist`
    """
    if not sends_stages(os.environ):
        require_modules(run_needs(targets or STAGES), "firelib run")
    from firelib.dvc_pipeline.run import RunOptions, run_pipeline

    project = load_project(recipe)
    options = RunOptions(targets or [], force, current_options().debug, check)
    raise typer.Exit(run_pipeline(project.recipe, project.paths, project.pipeline, project.environment, options))


def extract(recipe: RecipeName = None) -> None:
    """Load the recipe's sources into the lake (Delta tables) and pin their versions in lake.json.

    Examples: `firelib extract` · `firelib extract --recipe fashion_mnist`
    """
    from firelib import storage
    from firelib.data.extract import extract
    from firelib.stage_records.recording import record_stage

    project = load_project(recipe)
    if launch.send_stage(project):
        return
    probe_storage(project)
    with record_stage("extract", project.paths, not storage.exists(project.paths.lake)) as measurement:
        lake = extract(project.recipe, project.paths)
        measurement.rows = max(record.rows for record in lake.tables.values())


def transform(
    fresh: Annotated[bool, typer.Option("--fresh", help="Make all shards again, also those of old commits.")] = False,
    recipe: RecipeName = None,
) -> None:
    """Join and clean the lake's tables with Dask on Ray; write TFRecord shards and their manifest.

    Examples: `firelib transform` · `FIRELIB_NUM_CPUS=2 firelib transform` · `firelib transform --fresh`
    """
    from firelib import storage
    from firelib.config import declare_splits
    from firelib.data.lake import read_lake
    from firelib.stage_records.recording import record_stage

    project = load_project(recipe)
    read_lake(project.paths.lake_json)  # raises if the input is missing, before Ray starts
    if launch.send_stage(project):
        return
    probe_storage(project)
    with connect_ray(project, preload="firelib.data.transform"):
        from firelib.data.dataset_manifest import report_rows
        from firelib.data.transform import transform

        is_whole = fresh or not storage.exists(project.paths.records)
        with record_stage("transform", project.paths, is_whole) as measurement:
            manifest = transform(project.recipe, project.params, project.paths, fresh)
            measurement.rows = sum(split.rows for split in manifest.splits.values())
            measurement.row_bytes = manifest.split("train").row_bytes
        report_rows(manifest, declare_splits(project.params.data.split, project.recipe))


def train(
    fresh: Annotated[bool, typer.Option("--fresh", help="Start over instead of resuming the same run.")] = False,
    profile: Annotated[bool, typer.Option("--profile", help="Write a TensorBoard profile of some steps.")] = False,
    tracking: TrackingName = None,
    recipe: RecipeName = None,
) -> None:
    """Train the recipe's model with Ray Train; a stopped run resumes from its last checkpoint.

    Examples: `firelib train` · `FIRELIB_WORKERS=1 firelib train --fresh` · `firelib train --tracking tensorboard`
    """
    from firelib.console import note, out
    from firelib.console_tables import format_figure, timing_table
    from firelib.stage_records.recording import record_stage
    from firelib.tfrecord.format.manifest import read_manifest
    from firelib.train.driver.node_probe import probe_nodes
    from firelib.train.driver.resources import uses_gpus
    from firelib.train.driver.train_stage import TrainOptions, train

    project = load_project(recipe)
    read_manifest(str(project.paths.manifest))  # raises if the input is missing, before Ray starts
    if launch.send_stage(project):
        return
    environment = with_tracking(project.environment, tracking)
    probe_storage(project)
    with (
        connect_ray(project, preload="firelib.train.driver.ray_trainer", idle_workers=False),
        record_stage("train", project.paths, not profile) as measurement,
    ):
        measurement.device = "gpu" if uses_gpus(probe_nodes(), project.params.train) else "cpu"
        progress = train(project.recipe, project.params, environment, project.paths, TrainOptions(fresh, profile))
        _describe_training(measurement, project, progress.timing)
    out.print(timing_table(progress.timing))
    returns_best = project.params.train.early_stopping.returns_best
    metrics = progress.summarize(returns_best)
    which = f"the best epoch, {progress.best.epoch} of {progress.epoch}: " if returns_best and progress.best else ""
    values = "  ".join(f"{name} {format_figure(value)}" for name, value in metrics.items() if name != "steps")
    note(f"  {which}{metrics['steps']:,} steps  {values}")
    note(f"  model: {project.paths.model}")


def _describe_training(measurement: "Measurement", project: Project, timing: "Mapping[str, float]") -> None:
    """Fill in what a training has measured."""
    from firelib import storage
    from firelib.train.export import WEIGHTS

    settings = project.params.train
    measurement.rows = round(timing["rows_per_second"] * (timing["step_seconds"] + timing.get("data_seconds", 0.0)))
    measurement.timing, measurement.workers = timing, settings.workers
    measurement.batch_rows = settings.global_batch_size
    measurement.parameters = storage.read_json(str(project.paths.model / WEIGHTS))["parameters"]


def tune(
    write: Annotated[bool, typer.Option("--write", help="Write the best parameters into params.yaml.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start over instead of resuming the same study.")] = False,
    tracking: TrackingName = None,
    recipe: RecipeName = None,
) -> None:
    """Search the space in section `tune` of params.yaml with Ray Tune; a stopped study resumes.

    Examples: `firelib tune` · `firelib tune --write` · `FIRELIB_WORKERS=1 firelib tune --tracking none`
    """
    from firelib.console import note, out
    from firelib.console_tables import trial_table
    from firelib.tfrecord.format.manifest import read_manifest
    from firelib.tune.best import write_best
    from firelib.tune.space import validate_space
    from firelib.tune.study import tune

    project = load_project(recipe)
    validate_space(project.recipe, project.params)
    read_manifest(str(project.paths.manifest))
    if launch.send_stage(project):
        return
    environment = with_tracking(project.environment, tracking)
    probe_storage(project)
    with connect_ray(project, preload="firelib.train.driver.ray_trainer"):
        trials = tune(project.recipe, project.params, environment, project.paths, fresh)
    out.print(trial_table(trials, project.params.train.early_stopping.metric))
    if write:
        file = find_params_file(recipe)
        write_best(file, trials[0].values)
        note(f"wrote the best parameters into {file}; train with them: firelib run")


def evaluate(recipe: RecipeName = None) -> None:
    """Compare the model with baselines on the test split; write metrics and plots.

    Examples: `firelib evaluate` · `firelib evaluate --recipe fashion_mnist`
    """
    from firelib.console import out
    from firelib.console_tables import class_table, comparison_table
    from firelib.evaluate.evaluate import evaluate
    from firelib.stage_records.recording import record_stage

    project = load_project(recipe)
    if launch.send_stage(project):
        return
    with record_stage("evaluate", project.paths):
        results = evaluate(project.recipe, project.paths, project.params.evaluate.baselines)
    out.print(comparison_table(results))
    if project.paths.class_metrics.is_file():
        out.print(class_table(project.paths))


def predict(
    rows: Annotated[
        str,
        typer.Argument(
            help="A file of JSON or of a source's format, a folder, a database, …; - for standard input; or JSON."
        ),
    ] = "-",
    recipe: RecipeName = None,
    source: Annotated[
        str | None, typer.Option(help="Source of the recipe whose options apply to the file; default: all are alike.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write: .jsonl, .json, .csv or .parquet.")
    ] = None,
    form: Annotated[
        str | None, typer.Option("--format", help="jsonl (default), json, csv or parquet; default: by the suffix.")
    ] = None,
) -> None:
    """Score raw rows; print one JSON object per row, or write a file. The key and other columns are passed through.

    Examples: `firelib predict rows.csv --output scores.parquet` · `firelib predict '{"carrier": "UA", …}'` ·
    `… | firelib predict --format csv`
    """
    from firelib.console import note
    from firelib.evaluate.input_rows.read import read_batches
    from firelib.evaluate.predict import predict_batches
    from firelib.evaluate.prediction_files import choose_format, open_writer

    kind, project = choose_format(output, form), load_project(recipe)
    with open_writer(output, kind, project.recipe) as writer:
        batches = read_batches(rows, project.recipe, source)
        count = predict_batches(batches, project.recipe, project.paths.model, writer)
    if output:
        note(f"wrote {count:,} predictions to {output}")
