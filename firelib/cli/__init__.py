"""The `firelib` command. The commands themselves import heavy modules, so that `--help` is fast."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from firelib import __version__
from firelib.cli import launch, scaffold
from firelib.cli.check import check as check_command
from firelib.cli.commands import COMMANDS, STAGES, run_needs
from firelib.cli.compare import compare
from firelib.cli.completion import complete_stage
from firelib.cli.help import App
from firelib.cli.pipeline import pipeline_app
from firelib.cli.project import (
    Options,
    Project,
    RecipeName,
    TrackingName,
    connect_ray,
    current_options,
    find_params_file,
    load_project,
    set_options,
    with_tracking,
)
from firelib.cli.serve import serve
from firelib.errors import STOPPED_FILE, FirelibError, StoppedError
from firelib.extras import find_extra, missing_modules, require_modules
from firelib.machine import count_oom_kills, memory_limit
from firelib.parent_watch import RUN_PROCESS, watch_run
from firelib.ray_setup.token import enable_token_auth
from firelib.signals import sigterm_as_ctrl_c

_INTERRUPTED = 130  # Typer's exit code after Ctrl-C

app = App(
    help="From raw bytes to a trained model, on a laptop or a Ray cluster.",
    epilog="Start with: firelib doctor, then firelib run. Each stage also runs on its own, or with dvc repro.",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
data_app = App(help="Inspect the data: versions in the lake, features of the dataset.")
app.add_typer(data_app, name="data", rich_help_panel=COMMANDS["data"].panel)
scaffold.add_to(app)
launch.add_to(app)
app.command("check")(check_command)
app.add_typer(pipeline_app, name="pipeline", rich_help_panel=COMMANDS["pipeline"].panel)
app.command()(serve)
app.command()(compare)


def main() -> None:
    """Run the command line. An error prints one message and exits with code 1; SIGTERM, with 75; Ctrl-C, with 130."""
    watch_run()
    with _report_oom_kills(), sigterm_as_ctrl_c() as sigterm:
        try:
            _run_app()
        except SystemExit as end:
            if end.code == _INTERRUPTED:
                _exit_interrupted(sigterm.received)
            raise
        except KeyboardInterrupt:  # the second Ctrl-C, while the first one was handled
            _exit_interrupted(sigterm.received)


def _run_app() -> None:
    try:
        app(prog_name="firelib")
    except FirelibError as error:
        if current_options().debug and not isinstance(error, StoppedError):
            raise
        _exit_with(str(error), error.exit_code)
    except Exception as error:
        if current_options().debug:
            raise
        if isinstance(error, ModuleNotFoundError) and error.name and (extra := find_extra(error.name)):
            _exit_with(str(missing_modules([error.name], [extra], "firelib")))
        _exit_with(f"{type(error).__name__}: {error}\n  remedy: run firelib --debug … to see the traceback")


@contextmanager
def _report_oom_kills() -> Iterator[None]:
    """Say after the block how many processes the kernel killed for lack of memory: their output does not tell."""
    before = count_oom_kills()
    try:
        yield
    finally:
        kills = count_oom_kills() - before
        if kills > 0 and RUN_PROCESS not in os.environ:  # `firelib run` says it for its stages
            from firelib.console import note_labelled

            note_labelled(
                "out of memory:",
                "bold yellow",
                f"the kernel killed {kills} processes; the limit is {memory_limit() / 2**30:.1f} GiB\n"
                "  remedy: use a machine or container with more memory, or lower train.workers (WORKERS=, "
                "FIRELIB_WORKERS) or FIRELIB_NUM_CPUS; flights, a small dataset, needs 2.4 GiB with two workers "
                "(docs/costs.md lists what each stage needs)",
            )


def _exit_interrupted(by_sigterm: bool) -> NoReturn:
    from firelib.console import note

    # When KeyboardInterrupt has left code in a string (dataclasses execute such code), CPython remembers it, and at the
    # end of `python -m` kills itself by SIGINT, whatever the exit code. More such code makes it forget.
    exec("")  # noqa: S102  # nothing from outside
    if by_sigterm:
        _exit_with("SIGTERM: nothing is lost, run the same command again to resume", StoppedError.exit_code)
    note("stopped: nothing is lost, run the same command again to resume")
    raise SystemExit(_INTERRUPTED)


def _exit_with(message: str, code: int = 1) -> NoReturn:
    from firelib.console import note_labelled

    if code == StoppedError.exit_code and (file := os.environ.get(STOPPED_FILE)):
        with suppress(OSError):
            Path(file).touch()
    label, style = ("stopped:", "bold yellow") if code == StoppedError.exit_code else ("error:", "bold red")
    note_labelled(label, style, message)
    raise SystemExit(code)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"firelib {__version__}")
        raise typer.Exit


@app.callback()
def options(
    params: Annotated[Path, typer.Option(help="Parameters of the pipeline.")] = Path("params.yaml"),
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks and the output of Ray's workers.")] = False,
    version: Annotated[  # noqa: ARG001  its callback does the work
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options before the command."""
    set_options(Options(params, debug))
    if os.environ.get("FIRELIB_RAY_ADDRESS"):  # Ray reads the mode only once, when it is imported
        enable_token_auth()


@app.command()
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
    if not os.environ.get("FIRELIB_RAY_ADDRESS"):
        require_modules(run_needs(targets or STAGES), "firelib run")
    from firelib.dvc_pipeline.run import RunOptions, run_pipeline

    project = load_project(recipe)
    options = RunOptions(targets or [], force, current_options().debug, check)
    raise typer.Exit(run_pipeline(project.recipe, project.paths, project.pipeline, project.environment, options))


@app.command()
def extract(recipe: RecipeName = None) -> None:
    """Load the recipe's sources into the lake (Delta tables) and pin their versions in lake.json.

    Examples: `firelib extract` · `firelib extract --recipe fashion_mnist`
    """
    from firelib.data.extract import extract

    project = load_project(recipe)
    if launch.send_stage(project):
        return
    extract(project.recipe, project.paths)


@app.command()
def transform(recipe: RecipeName = None) -> None:
    """Join and clean the lake's tables with Dask on Ray; write TFRecord shards and their manifest.

    Examples: `firelib transform` · `FIRELIB_NUM_CPUS=2 firelib transform`
    """
    from firelib.config import declare_splits
    from firelib.data.lake import read_lake

    project = load_project(recipe)
    read_lake(project.paths.lake_json)  # raises if the input is missing, before Ray starts
    if launch.send_stage(project):
        return
    with connect_ray(project, preload="firelib.data.transform"):
        from firelib.data.dataset_manifest import report_rows
        from firelib.data.transform import transform

        declared = declare_splits(project.params.data.split, project.recipe)
        report_rows(transform(project.recipe, project.params, project.paths), declared)


@app.command()
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
    from firelib.console_tables import timing_table
    from firelib.tfrecord.format.manifest import read_manifest
    from firelib.train.driver.train_stage import TrainOptions, train

    project = load_project(recipe)
    read_manifest(str(project.paths.manifest))  # raises if the input is missing, before Ray starts
    if launch.send_stage(project):
        return
    environment = with_tracking(project.environment, tracking)
    with connect_ray(project, preload="firelib.train.driver.ray_trainer"):
        progress = train(project.recipe, project.params, environment, project.paths, TrainOptions(fresh, profile))
    out.print(timing_table(progress.timing))
    returns_best = project.params.train.early_stopping.returns_best
    metrics = progress.summarize(returns_best)
    which = f"the best epoch, {progress.best.epoch} of {progress.epoch}: " if returns_best and progress.best else ""
    values = "  ".join(f"{name} {value:.4f}" for name, value in metrics.items() if name != "steps")
    note(f"  {which}{metrics['steps']:,} steps  {values}")
    note(f"  model: {project.paths.model}")


@app.command()
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
    with connect_ray(project, preload="firelib.train.driver.ray_trainer"):
        trials = tune(project.recipe, project.params, environment, project.paths, fresh)
    out.print(trial_table(trials, project.params.train.early_stopping.metric))
    if write:
        file = find_params_file(recipe)
        write_best(file, trials[0].values)
        note(f"wrote the best parameters into {file}; train with them: firelib run")


@app.command()
def evaluate(recipe: RecipeName = None) -> None:
    """Compare the model with baselines on the test split; write metrics and plots.

    Examples: `firelib evaluate` · `firelib evaluate --recipe fashion_mnist`
    """
    from firelib.console import out
    from firelib.console_tables import class_table, comparison_table
    from firelib.evaluate.evaluate import evaluate

    project = load_project(recipe)
    if launch.send_stage(project):
        return
    out.print(comparison_table(evaluate(project.recipe, project.paths, project.params.evaluate.baselines)))
    if project.paths.class_metrics.is_file():
        out.print(class_table(project.paths))


@app.command()
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


@app.command()
def doctor() -> None:
    """Check this machine (versions, memory, disk, ports, tokens, container engine, GPU) and print remedies.

    Examples: `firelib doctor`
    """
    from firelib.doctor import diagnose, show

    findings = diagnose(Path.cwd())
    show(findings)
    raise typer.Exit(any(finding.status == "error" for finding in findings))


@data_app.command("log")
def data_log(
    table: Annotated[str | None, typer.Argument(help="One table; default: all.")] = None, recipe: RecipeName = None
) -> None:
    """List the versions of the lake's tables, oldest first.

    Examples: `firelib data log` · `firelib data log flights`
    """
    from firelib.console import out
    from firelib.console_tables import lake_table
    from firelib.data.lake import read_lake
    from firelib.errors import did_you_mean

    file = load_project(recipe).paths.lake_json
    lake = read_lake(file)
    if table is not None and table not in lake.tables:
        raise FirelibError(f"unknown table {table!r}", where=str(file), remedy=did_you_mean(table, lake.tables))
    for name in [table] if table else lake.tables:
        out.print(lake_table(name, lake.tables[name]))


def _show_columns(project: Project) -> None:
    from firelib.console import out
    from firelib.console_tables import column_table
    from firelib.data.formats.declared_types import explain_type
    from firelib.data.lake import read_lake
    from firelib.data.sources.checks import infers_types

    for name, record in read_lake(project.paths.lake_json).tables.items():
        source = project.recipe.sources.get(name)
        if source is None:
            continue  # the recipe has changed since the extract
        inferred = infers_types(source)
        origins = {column: explain_type(column, source, project.recipe, inferred) for column in record.columns}
        out.print(column_table(name, record, origins))


@data_app.command("show")
def data_show(recipe: RecipeName = None) -> None:
    """Show the dataset: columns, features with statistics, splits, and the rows that were excluded or set aside.

    Examples: `firelib data show` · `firelib data show --recipe fashion_mnist`
    """
    from firelib.config import declare_splits
    from firelib.console import out, printable
    from firelib.console_tables import feature_table, split_table
    from firelib.data.split.leakage_summary import summarize_leakage
    from firelib.tfrecord.format.manifest import read_manifest

    project = load_project(recipe)
    if project.paths.lake_json.is_file():
        _show_columns(project)
    manifest = read_manifest(str(project.paths.manifest))
    out.print(feature_table(manifest, out.width))
    out.print(split_table(manifest, declare_splits(project.params.data.split, project.recipe)))
    quality: dict[str, Any] = manifest.quality
    for line in summarize_leakage(quality.get("split", {}).get("leakage", {})):
        out.print(printable(f"on two sides: {line}"), highlight=False)
    for key, label in (("excluded", "excluded"), ("rejected", "set aside")):
        for reason, rows in quality[key].items():
            out.print(printable(f"{label}: {rows:,} ({reason})"), highlight=False)
