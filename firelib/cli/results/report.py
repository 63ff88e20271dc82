"""The command that reports what a project has made, and verifies it."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from firelib.cli.project import RecipeName, load_project


def report(
    verify: Annotated[
        bool, typer.Option("--verify", help="Recompute every hash instead; fail if a byte has changed.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder of the files; default: build/report/RECIPE.")
    ] = None,
    state: Annotated[
        list[str] | None,
        typer.Option("--state", metavar="REVISION", help="Metrics of these revisions only; default: all. Repeatable."),
    ] = None,
    recipe: RecipeName = None,
) -> None:
    """Report data, pipeline, training and machines in one HTML file; or verify the hashes of all that is there.

    Examples: `firelib report` · `firelib report --verify` · `firelib report --state main --output docs/evidence`
    """
    from firelib.console import note
    from firelib.report.project import ReportedProject
    from firelib.report.verify.verify import verify as verify_project
    from firelib.report.write import HTML, default_folder, write_report

    loaded = load_project(recipe)
    project = ReportedProject(loaded.recipe, loaded.params, loaded.paths, loaded.pipeline, state)
    folder = output or default_folder(project)
    if verify:
        checks = verify_project(project, folder)
        for check in checks:
            if check.left_out:
                note(f"not checked: {check.where}: {check.left_out}")
        kinds = Counter(check.kind for check in checks if not check.left_out)
        note(f"nothing has changed: {', '.join(f'{count:,} of {kind}' for kind, count in sorted(kinds.items()))}")
        return
    for section, missing in write_report(project, folder):
        note(f"missing: {section}: {missing.what}")
    note(f"report: {folder / HTML}")
