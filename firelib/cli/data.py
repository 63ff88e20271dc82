"""The commands `firelib data …`: what the lake and the dataset hold."""

from typing import Annotated, Any

import typer

from firelib.cli.help import App
from firelib.cli.project import Project, RecipeName, load_project
from firelib.errors import FirelibError

data_app = App(help="Inspect the data: versions in the lake, features of the dataset.")


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
    if "copies" in quality:
        out.print(f"copies of each row: {quality['copies']} (data.scale)", highlight=False)
    for line in summarize_leakage(quality.get("split", {}).get("leakage", {})):
        out.print(printable(f"on two sides: {line}"), highlight=False)
    for key, label in (("excluded", "excluded"), ("rejected", "set aside")):
        for reason, rows in quality[key].items():
            out.print(printable(f"{label}: {rows:,} ({reason})"), highlight=False)
