"""The `firelib` command. Heavy imports happen inside the commands, so that `--help` is quick."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from firelib import __version__
from firelib.errors import FirelibError

if TYPE_CHECKING:
    from firelib.config import Environment, Params
    from firelib.paths import Paths
    from firelib.recipe import Recipe

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


@dataclass(frozen=True)
class _Options:
    """What all commands share."""

    params: Path
    debug: bool


_options = _Options(Path("params.yaml"), debug=False)


def main() -> None:
    """Run the command line; a problem becomes one message and exit code 1."""
    try:
        app(prog_name="firelib")
    except SystemExit as end:
        if end.code == _STOPPED_BY_USER:
            _say_stopped()
        raise
    except FirelibError as error:
        if _options.debug:
            raise
        _complain(str(error))
    except Exception as error:
        if _options.debug:
            raise
        _complain(f"{type(error).__name__}: {error}\n  remedy: --debug before the command shows where it happened")


def _say_stopped() -> None:
    from firelib.console import note

    note("\nstopped: nothing is lost, the same command goes on from here")


def _complain(message: str) -> None:
    from firelib.console import err

    err.print(f"[bold red]error:[/bold red] {_escape(message)}", highlight=False)
    raise SystemExit(1)


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
    global _options  # noqa: PLW0603  typer hands options to a callback, the commands need them
    _options = _Options(params, debug)


@dataclass(frozen=True)
class _Project:
    """What a stage works with."""

    recipe: "Recipe"
    params: "Params"
    environment: "Environment"
    paths: "Paths"


def _project() -> _Project:
    from firelib import storage
    from firelib.config import load_environment, load_params, model_params
    from firelib.paths import Paths
    from firelib.recipe import load_recipe

    environment = load_environment()
    params = load_params(_options.params, environment)
    recipe = load_recipe(params.recipe)
    model_params(recipe.parameters, params)  # wrong ones are found now, not after the transform
    folder = _options.params.absolute().parent
    root = params.storage.root
    root = str(folder / root) if storage.is_local(root) else root
    return _Project(recipe, params, environment, Paths(recipe.name, storage.absolute(root), folder))


@contextmanager
def _ray(project: _Project) -> Iterator[None]:
    from firelib.ray_session import ray_session

    with ray_session(project.environment, project.recipe, _options.debug):
        yield


@app.command()
def run(
    targets: Annotated[list[str] | None, typer.Argument(help="Stages to bring up to date; default: all.")] = None,
    force: Annotated[bool, typer.Option("--force", "-f", help="Run stages that are up to date, too.")] = False,
) -> None:
    """Bring the whole pipeline up to date: `dvc repro`, with one Ray for all stages.

    Examples: `firelib run` · `firelib run transform` · `firelib run --force`
    """
    from firelib.pipeline import run_pipeline

    project = _project()
    code = run_pipeline(project.paths, project.environment, targets or [], force, _options.debug)
    raise typer.Exit(code)


@app.command()
def extract() -> None:
    """Bring the recipe's sources into the lake (Delta tables) and pin them in lake.json."""
    from firelib.data.extract import extract

    project = _project()
    extract(project.recipe, project.paths)


@app.command()
def transform() -> None:
    """Join and clean the lake's tables with Dask on Ray; write TFRecord shards and their manifest."""
    from firelib.data.lake import read_lake
    from firelib.data.transform import report, transform

    project = _project()
    read_lake(project.paths.lake_json)  # a missing input is said before Ray starts
    with _ray(project):
        report(transform(project.recipe, project.params, project.paths))


@app.command()
def train(
    fresh: Annotated[bool, typer.Option("--fresh", help="Start over instead of resuming the same run.")] = False,
) -> None:
    """Train the recipe's model with Ray Train; a run that was stopped goes on from its last checkpoint.

    Examples: `firelib train` · `FIRELIB_WORKERS=1 firelib train --fresh` · `FIRELIB_TRACKING=none firelib train`
    """
    from firelib.console import note
    from firelib.tfrecord.manifest import read_manifest
    from firelib.train.trainer import train

    project = _project()
    read_manifest(str(project.paths.manifest))  # a missing input is said before Ray starts
    with _ray(project):
        progress = train(project.recipe, project.params, project.environment, project.paths, fresh)
    figures = "  ".join(f"{name} {value:.4f}" for name, value in progress.validation[-1].items() if name != "epoch")
    note(f"  {progress.step:,} steps  train_loss {progress.losses[-1]:.4f}  {figures}")
    note(f"  model: {project.paths.model}")


@app.command()
def evaluate() -> None:
    """Measure the model on the test split beside two baselines; draw curves."""
    from firelib.console import out
    from firelib.evaluate.evaluate import evaluate
    from firelib.report import comparison

    out.print(comparison(evaluate(_project().paths)))


@app.command()
def predict(
    rows: Annotated[str, typer.Argument(help="A JSON or CSV file, - for standard input, or JSON itself.")] = "-",
) -> None:
    """Score raw rows; one JSON value a line on standard output.

    Examples: `firelib predict flights.csv` · `firelib predict '{"carrier": "UA", …}'` · `… | firelib predict`
    """
    import json

    from firelib.evaluate.predict import predict, read_rows

    project = _project()
    if rows.lstrip()[:1] in ("{", "["):
        text, where = rows, "the command line"
    elif rows == "-":
        text, where = sys.stdin.read(), "standard input"
    else:
        text, where = _read(Path(rows)), rows
    features = project.recipe.features
    for value in predict(read_rows(text, where, features), features, project.paths.model):
        typer.echo(json.dumps({project.recipe.label.name: value}))


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
def data_log(table: Annotated[str | None, typer.Argument(help="One table; default: all.")] = None) -> None:
    """List the versions of the lake's tables, newest last."""
    from firelib.console import out
    from firelib.data.lake import read_lake
    from firelib.errors import did_you_mean
    from firelib.report import lake_table

    lake = read_lake(_project().paths.lake_json)
    if table is not None and table not in lake.tables:
        raise FirelibError(f"there is no table {table!r}", where="lake.json", remedy=did_you_mean(table, lake.tables))
    for name in [table] if table else lake.tables:
        out.print(lake_table(name, lake.tables[name]))


@data_app.command("show")
def data_show() -> None:
    """Show the dataset: features with their statistics, splits, and what was left out."""
    from firelib.console import out
    from firelib.report import feature_table, split_table
    from firelib.tfrecord.manifest import read_manifest

    manifest = read_manifest(str(_project().paths.manifest))
    out.print(feature_table(manifest, out.width))
    out.print(split_table(manifest))
    quality: dict[str, Any] = manifest.quality
    for kind in ("excluded", "rejected"):
        for reason, rows in quality[kind].items():
            out.print(f"{kind}: {rows:,} ({reason})", highlight=False)
