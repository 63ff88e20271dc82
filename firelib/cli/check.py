"""`firelib check`: find the mistakes of a project before it runs."""

from typing import Annotated

import typer

from firelib.cli.project import RecipeName, current_options, find_params_file


def check(
    model: Annotated[
        bool, typer.Option("--model/--no-model", help="Also build the model, and train, save and load it once.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
    recipe: RecipeName = None,
) -> None:
    """Find mistakes in recipe, parameters and data within seconds: reads 200 rows, starts no Ray.

    Examples: `firelib check` · `firelib check --no-model` · `firelib check --json`
    """
    from firelib.console import note
    from firelib.keras_import import pause_garbage_collector

    with pause_garbage_collector():
        from firelib.check.finding import has_errors
        from firelib.check.project import check_project
        from firelib.check.report import show, summarize, to_json
        from firelib.dvc_pipeline.step_check import check_dvc_file

    checked = check_project(find_params_file(recipe), model, [check_dvc_file])
    if as_json:
        typer.echo(to_json(checked.findings, checked.seconds))
    else:
        show(checked.findings, current_options().debug)
        note(summarize(checked.findings, checked.scope, checked.seconds))
    raise typer.Exit(int(has_errors(checked.findings)))
