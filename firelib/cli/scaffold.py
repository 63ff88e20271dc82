"""Commands about the project itself: init and sync."""

import tempfile
from pathlib import Path
from typing import Annotated, Literal

import typer

from firelib.cli.project import RecipeName, load_project
from firelib.errors import FirelibError


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(init)
    app.command()(sync)


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the new project; it may have other files.")],
    origin: Annotated[
        str | None,
        typer.Option("--from", help="The data: a file, folder, pattern, URL or database (sqlite:///shop.db)."),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(help="Column to predict; several columns of 0 and 1 are several labels. Default: a guess."),
    ] = None,
    split_by: Annotated[
        list[str] | None,
        typer.Option(help="Column such as a customer: all rows of one are in the same split. May be repeated."),
    ] = None,
    split_time: Annotated[
        str | None, typer.Option(help="Column with the time of a row: train on the past, test on the latest rows.")
    ] = None,
    table: Annotated[str | None, typer.Option(help="Table of the database.")] = None,
    query: Annotated[str | None, typer.Option(help="Query of the database.")] = None,
    kind: Annotated[
        Literal["table", "regression", "images", "text", "multilabel"] | None,
        typer.Option(help="Without data: an example of this kind, with generated data."),
    ] = None,
    copy: Annotated[
        bool | None,
        typer.Option("--copy/--no-copy", help="Copy the data into raw/. Default: up to 16 MiB; others stay in place."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the files without writing them.")] = False,
) -> None:
    """Start a project: look at the data, and write a recipe that works, with all files around it.

    Examples: `firelib init shop --from orders.csv --label returned` · `firelib init demo --kind text` ·
    `firelib init load --from hours.csv --label load --split-time hour`
    """
    from firelib.console import note, out
    from firelib.scaffold.data.data_source import Wish
    from firelib.scaffold.init import plan_example, plan_project, write_project
    from firelib.scaffold.split.wish import SplitWish

    if (origin is None) == (kind is None):
        problem = "expected data or a kind of example, got " + ("none" if origin is None else "both")
        raise FirelibError(problem, where="firelib init", remedy="pass --from DATA, or --kind table without data")
    with tempfile.TemporaryDirectory(prefix="firelib-init-") as scratch:
        if origin is not None:
            split = SplitWish(tuple(split_by or ()), split_time)
            project = plan_project(folder, Wish(origin, table, query, copy), label or [], split, Path(scratch))
        else:
            project = plan_example(folder, str(kind), Path(scratch))
        for line in project.guesses:
            note(f"  {line}")
        if dry_run:
            for path in project.paths:
                out.print(str(folder / path), highlight=False)
            return
        write_project(project)
    note(f"wrote {len(project.paths)} files; next: cd {folder}; firelib check; firelib run; firelib predict rows.csv")


def sync(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the differences without writing.")] = False,
    recipe: RecipeName = None,
) -> None:
    """Bring dvc.yaml into step with the recipe: dependencies, parameters and outputs of its stages.

    Stages, comments and keys of your own stay. Examples: `firelib sync` · `firelib sync --dry-run`
    """
    from firelib.console import note, out
    from firelib.dvc_pipeline.dvc_file import DvcFile

    project = load_project(recipe)
    file = DvcFile(project.recipe, project.params, project.paths, project.pipeline)
    exists = project.pipeline.exists()
    differences = (file.compare() if exists else []) if dry_run else file.sync()
    for difference in differences:
        out.print(difference.describe_change(), highlight=False)
    if dry_run and not exists:
        note(f"{project.pipeline} does not exist: firelib sync writes it")
    elif not differences:
        note(f"{project.pipeline.name} is in step with the recipe")
    elif not dry_run:
        note(f"{'changed' if exists else 'wrote'} {project.pipeline}")
