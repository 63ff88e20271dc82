"""The command that compares two states of a project."""

from pathlib import Path
from typing import Annotated

import typer

from firelib.cli.project import RecipeName, load_project


def compare(
    before: Annotated[
        str, typer.Argument(metavar="A", help="Git revision, DVC experiment, or a folder such as models/flights.")
    ],
    after: Annotated[
        str | None, typer.Argument(metavar="[B]", help="The same; default: the working tree.", show_default=False)
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="PNG of the curves; default: plots/RECIPE/compare.png.")
    ] = None,
    recipe: RecipeName = None,
) -> None:
    """Compare parameters, data, metrics and curves of two states: revisions, experiments or folders.

    Examples: `firelib compare HEAD` · `firelib compare main wide-model` · `firelib compare models/flights old/flights`
    """
    from firelib.compare.facts import read_facts
    from firelib.compare.overlay import draw_overlay
    from firelib.compare.snapshot import open_snapshot, open_working_tree
    from firelib.compare.tables import WIDTH, difference_tables
    from firelib.console import note, out

    paths = load_project(recipe).paths
    first = open_snapshot(before, paths.project, paths.recipe)
    second = (
        open_snapshot(after, paths.project, paths.recipe)
        if after is not None
        else open_working_tree(paths.project, paths.recipe)
    )
    for part in difference_tables(read_facts(first), read_facts(second)):
        out.print(part, soft_wrap=False, width=min(out.width, WIDTH))
    file = output or paths.plots / "compare.png"
    note(f"curves: {file}" if draw_overlay([first, second], file) else "no curves: neither state has plots")
