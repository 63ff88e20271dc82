"""The commands `firelib data …`: what the lake and the dataset hold."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from firelib.cli.help import App
from firelib.cli.project import Project, RecipeName, connect_ray, load_project
from firelib.errors import FirelibError

if TYPE_CHECKING:
    from firelib.compare.data_versions.data_state import DataState
    from firelib.data.versions.drift import Drift

data_app = App(help="Inspect the data: versions in the lake, features of the dataset.")


@data_app.command("log")
def data_log(
    table: Annotated[str | None, typer.Argument(help="One table; default: all.")] = None,
    metrics: Annotated[
        bool, typer.Option("--metrics/--no-metrics", help="Look for metrics in git revisions and DVC experiments.")
    ] = True,
    recipe: RecipeName = None,
) -> None:
    """List the versions of the lake's tables, oldest first, and the metrics of models that were trained on each.

    Examples: `firelib data log` · `firelib data log flights` · `firelib data log --no-metrics`
    """
    from firelib.console import out
    from firelib.console_tables import lake_table
    from firelib.data.lake import read_lake
    from firelib.errors import did_you_mean

    paths = load_project(recipe).paths
    file = paths.lake_json
    lake = read_lake(file)
    if table is not None and table not in lake.tables:
        raise FirelibError(f"unknown table {table!r}", where=str(file), remedy=did_you_mean(table, lake.tables))
    names = [table] if table else [*lake.tables]
    for name in names:
        out.print(lake_table(name, lake.tables[name]))
    if metrics:
        from firelib.compare.data_versions.metrics_by_version import read_metrics
        from firelib.compare.data_versions.tables import metric_table

        for name, entries in read_metrics(lake, paths).items():
            if name in names:
                out.print(metric_table(name, entries))


@data_app.command("diff")
def data_diff(
    before: Annotated[
        str,
        typer.Argument(
            metavar="A", help="Version of the tables that grow, folder of a model, git revision, experiment."
        ),
    ],
    after: Annotated[
        str | None,
        typer.Argument(metavar="B", help="The same; default: data.version of params.yaml.", show_default=False),
    ] = None,
    features: Annotated[
        bool, typer.Option("--features/--no-features", help="Compare the distributions of features, with Ray.")
    ] = True,
    max_psi: Annotated[
        float | None, typer.Option("--max-psi", min=0, help="Fail if a feature has a larger PSI, such as 0.25.")
    ] = None,
    exceptions: Annotated[
        list[str] | None, typer.Option("--except", metavar="FEATURE", help="A feature without this limit; repeatable.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="PNG to write; default: plots/RECIPE/data_diff.png.")
    ] = None,
    recipe: RecipeName = None,
) -> None:
    """Compare two versions of the data: rows by key, columns, statistics and drift of each feature.

    Examples: `firelib data diff 4 5` · `firelib data diff HEAD` · `firelib data diff 0 11 --no-features` ·
    `firelib data diff models/flights --max-psi 0.25 --except month`
    """
    from firelib.compare.data_versions.data_state import open_state
    from firelib.compare.data_versions.difference import compare_tables
    from firelib.compare.data_versions.drift_limit import check_names, refuse_drift
    from firelib.compare.data_versions.tables import row_tables
    from firelib.console import out, printable

    _check_limit(max_psi, features)
    project = load_project(recipe)
    check_names(exceptions or (), project.recipe)
    paths, version = project.paths, project.params.data.version
    first, second = (open_state(name, paths, version) for name in (before, after))
    out.print(printable(f"A: {first.name}\nB: {second.name}"), highlight=False, markup=False)
    for part in row_tables(compare_tables(first, second, project.recipe)):
        out.print(part)
    if not features:
        return
    drifts = _show_drift(project, first, second, output or paths.plots / "data_diff.png")
    if max_psi is not None:
        refuse_drift(drifts, max_psi, exceptions or (), _name_both(first, second))


def _check_limit(max_psi: float | None, features: bool) -> None:
    if max_psi is not None and not features:
        raise FirelibError(
            "--max-psi is a limit for features, which --no-features leaves out",
            where="the command line",
            remedy="remove one of the two options",
        )


def _show_drift(project: Project, first: "DataState", second: "DataState", picture: Path) -> "list[Drift]":
    from firelib.compare.data_versions.difference import compare_features
    from firelib.compare.data_versions.picture import draw_drift
    from firelib.compare.data_versions.tables import drift_table
    from firelib.console import note, out
    from firelib.data.scratch import scratch_folder

    with (
        connect_ray(project, preload="firelib.data.versions.feature_sample"),
        scratch_folder(project.paths.scratch) as scratch,
    ):
        drifts = compare_features(first, second, project.recipe, scratch)
    out.print(drift_table(drifts, out.width))
    draw_drift(drifts, f"{project.paths.recipe}: {_name_both(first, second)}", picture)
    note(f"picture: {picture}")
    return drifts


def _name_both(first: "DataState", second: "DataState") -> str:
    return f"{first.name} (A) and {second.name} (B)"


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


@data_app.command("gc")
def data_gc(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Remove it; otherwise it is only listed.")] = False,
    runs: Annotated[bool, typer.Option("--runs", help="Also runs that no model of a revision names.")] = False,
    keep_days: Annotated[
        float, typer.Option("--keep-days", min=0, help="Days for which everything stays that was written.")
    ] = 7,
    recipe: RecipeName = None,
) -> None:
    """List, or remove, what no git revision, working tree or run needs: shards, records, samples, superseded tables.

    Examples: `firelib data gc` · `firelib data gc --yes` · `firelib data gc --runs --keep-days 30`
    """
    from rich.filesize import decimal

    from firelib.console import note, out
    from firelib.data_gc.plan import Limits, plan_removal, removed
    from firelib.data_gc.references import find_references
    from firelib.data_gc.remove import remove_files
    from firelib.data_gc.tables import decision_table

    paths = load_project(recipe).paths
    references = find_references(paths.project)
    decisions = plan_removal([*dict.fromkeys([paths.root, paths.shared])], references, Limits(keep_days, runs))
    if not decisions:
        note(f"nothing to do: {paths.root} holds no shards, superseded tables or runs")
        return
    out.print(decision_table(decisions))
    for problem in references.unknown:
        note(f"not known: {problem}; dvc fetch --all-commits fetches what is in a remote")
    total = sum(decision.nbytes for decision in removed(decisions))
    if not total:
        note("nothing to do: everything that is there stays")
    elif yes:
        note(f"removed {decimal(remove_files(removed(decisions)))} from {paths.root}")
    else:
        note(f"would remove {decimal(total)} from {paths.root}; nothing was changed (--yes removes it)")


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
