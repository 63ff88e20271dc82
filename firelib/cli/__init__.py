"""The `firelib` command. The commands themselves import heavy modules, so that `--help` is fast."""

import os
from pathlib import Path
from typing import Annotated

import typer

from firelib import __version__
from firelib.cli import launch, scaffold, stages
from firelib.cli.bench.command import bench
from firelib.cli.check import check
from firelib.cli.commands import COMMANDS
from firelib.cli.data import data_app
from firelib.cli.exit_codes import run_with_exit_codes
from firelib.cli.help import App
from firelib.cli.jobs.cluster import cluster_app
from firelib.cli.jobs.listing import jobs
from firelib.cli.jobs.plan import plan
from firelib.cli.jobs.shell import ssh
from firelib.cli.options import DoctorTo, Setting
from firelib.cli.pipeline import pipeline_app
from firelib.cli.project import Options, set_options
from firelib.cli.results.compare import compare
from firelib.cli.results.report import report
from firelib.cli.serve import serve
from firelib.parent_watch import watch_run
from firelib.ray_setup.token import enable_token_auth

app = App(
    help="From raw bytes to a trained model, on a laptop or a Ray cluster.",
    epilog="Start with: firelib doctor, then firelib run. Each stage also runs on its own, or with dvc repro.",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(data_app, name="data", rich_help_panel=COMMANDS["data"].panel)
scaffold.add_to(app)
launch.add_to(app)
app.command()(plan)
app.command()(jobs)
app.command()(ssh)
app.command()(check)
app.add_typer(pipeline_app, name="pipeline", rich_help_panel=COMMANDS["pipeline"].panel)
app.add_typer(cluster_app, name="cluster", rich_help_panel=COMMANDS["cluster"].panel)
app.command()(serve)
app.command()(compare)
app.command()(report)
stages.add_to(app)
app.command()(bench)


def main() -> None:
    """Run the command line; see `run_with_exit_codes`."""
    watch_run()
    run_with_exit_codes(lambda: app(prog_name="firelib"))


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
def doctor(to: DoctorTo = None, setting: Setting = None) -> None:
    """Check this machine (versions, memory, disk, ports, tokens, container engine, GPU) and print remedies.

    With `--to`, check what jobs need elsewhere: login, services, bucket, registry, rights, quota.

    Examples: `firelib doctor` · `firelib doctor --to vertex`
    """
    from firelib.doctor import diagnose, show
    from firelib.launch.client.cli_values import parse_pairs
    from firelib.launch.client.prerequisites import check_prerequisites

    if to is None:
        findings = diagnose(Path.cwd())
    else:
        findings = check_prerequisites(to, parse_pairs(setting, "--set"), Path.cwd(), os.environ)
    show(findings)
    raise typer.Exit(any(finding.status == "error" for finding in findings))
