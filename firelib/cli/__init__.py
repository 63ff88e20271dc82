"""The `firelib` command. Heavy imports happen inside the commands, so that `--help` is quick."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from firelib import __version__
from firelib.cli import launch
from firelib.cli.pipeline import pipeline_app
from firelib.cli.project import (
    Options,
    RecipeName,
    TrackingName,
    options_given,
    params_file,
    project,
    ray,
    set_options,
    tracked,
)
from firelib.errors import STOPPED_FILE, FirelibError, StoppedError
from firelib.ray_setup.token import show_token

_STOPPED_BY_USER = 130  # Typer's exit code after Ctrl-C

app = typer.Typer(
    help="From raw bytes to a trained model, on a laptop or a Ray cluster.",
    epilog="Start with: firelib doctor, then firelib run. Every stage can also be run alone, or with dvc repro.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
data_app = typer.Typer(help="Look at the data: versions of the lake, features of the dataset.", no_args_is_help=True)
app.add_typer(data_app, name="data")
launch.add_to(app)
app.add_typer(pipeline_app, name="pipeline")


def main() -> None:
    """Run the command line; a problem becomes one message and exit code 1, a stop that can be resumed 75."""
    try:
        app(prog_name="firelib")
    except SystemExit as end:
        if end.code == _STOPPED_BY_USER:
            _say_stopped()
        raise
    except FirelibError as error:
        if options_given().debug and not isinstance(error, StoppedError):
            raise
        if isinstance(error, StoppedError) and (file := os.environ.get(STOPPED_FILE)):
            Path(file).touch()
        _complain(str(error), error.exit_code)
    except Exception as error:
        if options_given().debug:
            raise
        _complain(f"{type(error).__name__}: {error}\n  remedy: --debug before the command shows where it happened")


def _say_stopped() -> None:
    from firelib.console import note

    note("\nstopped: nothing is lost, the same command goes on from here")


def _complain(message: str, code: int = 1) -> None:
    from firelib.console import err

    kind = "[bold yellow]stopped:[/bold yellow]" if code == StoppedError.exit_code else "[bold red]error:[/bold red]"
    err.print(f"{kind} {_escape(message)}", highlight=False)
    raise SystemExit(code)


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"firelib {__version__}")
        raise typer.Exit


@app.callback()
def options(
    params: Annotated[Path, typer.Option(help="Parameters of the pipeline.")] = Path("params.yaml"),
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks and what Ray's workers print.")] = False,
    version: Annotated[  # noqa: ARG001  its callback does the work
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options that stand before the command."""
    set_options(Options(params, debug))
    if os.environ.get("FIRELIB_RAY_ADDRESS"):  # Ray looks once, when a stage imports it
        show_token()


@app.command()
def run(
    targets: Annotated[list[str] | None, typer.Argument(help="Stages to bring up to date; default: all.")] = None,
    force: Annotated[bool, typer.Option("--force", "-f", help="Run stages that are up to date, too.")] = False,
    recipe: RecipeName = None,
) -> None:
    """Bring the whole pipeline up to date: `dvc repro`, with one Ray for all stages.

    Examples: `firelib run` · `firelib run transform` · `firelib run --recipe fashion_mnist`
    """
    from firelib.dvc_pipeline import run_pipeline

    here = project(recipe)
    code = run_pipeline(here.paths, here.pipeline, here.environment, targets or [], force, options_given().debug)
    raise typer.Exit(code)


@app.command()
def extract(recipe: RecipeName = None) -> None:
    """Bring the recipe's sources into the lake (Delta tables) and pin them in lake.json."""
    from firelib.data.extract import extract

    here = project(recipe)
    if launch.send_stage(here):
        return
    extract(here.recipe, here.paths)


@app.command()
def transform(recipe: RecipeName = None) -> None:
    """Join and clean the lake's tables with Dask on Ray; write TFRecord shards and their manifest."""
    from firelib.data.lake import read_lake

    here = project(recipe)
    read_lake(here.paths.lake_json)  # a missing input is said before Ray starts
    if launch.send_stage(here):
        return
    with ray(here, importing="firelib.data.transform"):
        from firelib.data.transform import report, transform

        report(transform(here.recipe, here.params, here.paths))


@app.command()
def train(
    fresh: Annotated[bool, typer.Option("--fresh", help="Start over instead of resuming the same run.")] = False,
    profile: Annotated[bool, typer.Option("--profile", help="Leave a TensorBoard profile of some steps.")] = False,
    tracking: TrackingName = None,
    recipe: RecipeName = None,
) -> None:
    """Train the recipe's model with Ray Train; a run that was stopped goes on from its last checkpoint.

    Examples: `firelib train` · `FIRELIB_WORKERS=1 firelib train --fresh` · `firelib train --tracking tensorboard`
    """
    from firelib.console import note, out
    from firelib.console_tables import timing_table
    from firelib.tfrecord.format.manifest import read_manifest
    from firelib.train.driver.train_stage import TrainOptions, train

    here = project(recipe)
    read_manifest(str(here.paths.manifest))  # a missing input is said before Ray starts
    if launch.send_stage(here):
        return
    environment = tracked(here.environment, tracking)
    with ray(here, importing="firelib.train.driver.ray_trainer"):
        progress = train(here.recipe, here.params, environment, here.paths, TrainOptions(fresh, profile))
    out.print(timing_table(progress.timing))
    figures = "  ".join(f"{name} {value:.4f}" for name, value in progress.validation[-1].items() if name != "epoch")
    note(f"  {progress.step:,} steps  train_loss {progress.losses[-1]:.4f}  {figures}")
    note(f"  model: {here.paths.model}")


@app.command()
def tune(
    write: Annotated[bool, typer.Option("--write", help="Write the best parameters into params.yaml.")] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start over instead of going on with the same tuning.")
    ] = False,
    tracking: TrackingName = None,
    recipe: RecipeName = None,
) -> None:
    """Search better parameters with Ray Tune: section `tune` of params.yaml says which. A stopped tuning goes on.

    Examples: `firelib tune` · `firelib tune --write` · `FIRELIB_WORKERS=1 firelib tune --tracking none`
    """
    from firelib.console import note, out
    from firelib.console_tables import trial_table
    from firelib.tfrecord.format.manifest import read_manifest
    from firelib.tune.best import write_best
    from firelib.tune.space import check_space
    from firelib.tune.study import tune

    here = project(recipe)
    check_space(here.recipe, here.params)
    read_manifest(str(here.paths.manifest))
    if launch.send_stage(here):
        return
    environment = tracked(here.environment, tracking)
    with ray(here, importing="firelib.train.driver.ray_trainer"):
        trials = tune(here.recipe, here.params, environment, here.paths, fresh)
    out.print(trial_table(trials, here.params.train.early_stopping.metric))
    if write:
        file = params_file(recipe)
        write_best(file, trials[0].values)
        note(f"the best parameters stand in {file}; firelib run takes them from here")


@app.command()
def evaluate(recipe: RecipeName = None) -> None:
    """Measure the model on the test split beside two baselines; draw pictures."""
    from firelib.console import out
    from firelib.console_tables import class_table, comparison
    from firelib.evaluate.evaluate import evaluate

    here = project(recipe)
    if launch.send_stage(here):
        return
    out.print(comparison(evaluate(here.recipe, here.paths)))
    if here.paths.class_metrics.is_file():
        out.print(class_table(here.paths))


@app.command()
def predict(
    rows: Annotated[str, typer.Argument(help="A JSON or CSV file, - for standard input, or JSON itself.")] = "-",
    recipe: RecipeName = None,
) -> None:
    """Score raw rows; one JSON value a line on standard output.

    Examples: `firelib predict flights.csv` · `firelib predict '{"carrier": "UA", …}'` · `… | firelib predict`
    """
    import json

    from firelib.evaluate.predict import predict, read_rows

    here = project(recipe)
    if rows.lstrip()[:1] in ("{", "["):
        text, where = rows, "the command line"
    elif rows == "-":
        text, where = sys.stdin.read(), "standard input"
    else:
        text, where = _read(Path(rows)), rows
    features = here.recipe.features
    for value in predict(read_rows(text, where, features), features, here.paths.model, here.recipe.classes):
        typer.echo(json.dumps({here.recipe.label.name: value}))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FirelibError(f"cannot read {path}: {error}", remedy="give a JSON or CSV file") from None


@app.command()
def doctor() -> None:
    """Check this machine: versions, memory, disk, ports, tokens, container engine, GPU; with remedies."""
    from firelib.doctor import diagnose, show

    findings = diagnose(Path.cwd())
    show(findings)
    raise typer.Exit(any(finding.status == "error" for finding in findings))


@data_app.command("log")
def data_log(
    table: Annotated[str | None, typer.Argument(help="One table; default: all.")] = None, recipe: RecipeName = None
) -> None:
    """List the versions of the lake's tables, newest last."""
    from firelib.console import out
    from firelib.console_tables import lake_table
    from firelib.data.lake import read_lake
    from firelib.errors import did_you_mean

    lake = read_lake(project(recipe).paths.lake_json)
    if table is not None and table not in lake.tables:
        raise FirelibError(f"there is no table {table!r}", where="lake.json", remedy=did_you_mean(table, lake.tables))
    for name in [table] if table else lake.tables:
        out.print(lake_table(name, lake.tables[name]))


@data_app.command("show")
def data_show(recipe: RecipeName = None) -> None:
    """Show the dataset: features with their statistics, splits, and what was left out."""
    from firelib.console import out
    from firelib.console_tables import feature_table, split_table
    from firelib.tfrecord.format.manifest import read_manifest

    manifest = read_manifest(str(project(recipe).paths.manifest))
    out.print(feature_table(manifest, out.width))
    out.print(split_table(manifest))
    quality: dict[str, Any] = manifest.quality
    for kind in ("excluded", "rejected"):
        for reason, rows in quality[kind].items():
            out.print(f"{kind}: {rows:,} ({reason})", highlight=False)
