"""What the project is, and how far it has come."""

from collections.abc import Iterator

from firelib import __version__
from firelib.console_tables import read_results
from firelib.lineage import git_state
from firelib.recipe import infer_task
from firelib.report.content import Block, Facts, Missing, Table
from firelib.report.figures import show_figure
from firelib.report.project import HASH_DIGITS, ReportedProject


def summary(project: ReportedProject) -> Iterator[Block]:
    """The project in a few lines."""
    git = git_state(project.folder)
    revision = (
        git["revision"] and f"{git['revision'][:HASH_DIGITS]}{' and uncommitted changes' if git['dirty'] else ''}"
    )
    lineage = project.lineage or {}
    trained = (lineage.get("git") or {}).get("revision")
    yield Facts(
        {
            "recipe": project.name,
            "task": infer_task(project.recipe.label).value.replace("_", " "),
            "label": project.recipe.label.name,
            "firelib": __version__,
            "git revision": revision,
            "model trained at revision": trained and str(trained)[:HASH_DIGITS],
            "run": project.run_id,
            "model made": lineage.get("created"),
        }
    )
    if not project.has_run:
        yield Missing("the pipeline has not run: there are no data, no model and no metrics", project.run_command)
        return
    results = read_results(project.paths)
    if results is None:
        yield Missing(
            f"no metrics: metrics/{project.name}/test.json and baselines.json are not both there", project.run_command
        )
        return
    names = sorted({metric for result in results.values() for metric in result})
    rows = [[name.replace("_", " "), *(show_figure(result.get(name)) for result in results.values())] for name in names]
    columns = ["metric", *(name.replace("_", " ") for name in results)]
    yield Table("Metrics on the test split", columns, rows)
