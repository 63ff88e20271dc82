"""A model card: what a model is, what it was made from, how good it is, and what is not known about it."""

from firelib.compare.facts import flatten
from firelib.console_tables import NOTES, read_results
from firelib.recipe import infer_task
from firelib.report.figures import only_figures, show_figure
from firelib.report.project import ReportedProject, read_json_file
from firelib.report.render import environment


def render_model_card(project: ReportedProject) -> str:
    """Render the model card of a project as Markdown.

    Args:
        project: The project, which has a model.

    Returns:
        The text. What nobody has declared, such as the intended use, is named as not stated.

    Raises:
        FirelibError: The lineage is not valid.
    """
    lineage, manifest = project.lineage or {}, project.attempt(lambda: project.manifest)
    results = project.attempt(lambda: read_results(project.paths)) or {}
    metrics = sorted({name for result in results.values() for name in result})
    weights = project.attempt(lambda: read_json_file(project.paths.model / "weights.json")) or {}
    test = project.attempt(lambda: read_json_file(project.paths.test_metrics)) or {}
    params = {name: lineage.get("params", {}).get(name) or {} for name in ("train", "model")}
    return (
        environment()
        .overlay(autoescape=False, finalize=lambda value: _escape(project.hide_folder(str(value))))
        .get_template("model_card.md.jinja")
        .render(
            project=project,
            task=infer_task(project.recipe.label).value,
            label=project.recipe.label,
            data=lineage.get("data") or {},
            git=lineage.get("git") or {},
            packages=lineage.get("packages") or {},
            created=lineage.get("created"),
            manifest=manifest,
            parameters=only_figures(weights).get("parameters"),
            results={name: [show_figure(result.get(metric)) for metric in metrics] for name, result in results.items()},
            metrics=metrics,
            notes=test.get(NOTES) or [],
            params=flatten(params),
        )
    )


def _escape(text: str) -> str:
    """A value as plain text in a cell of a Markdown table: no HTML, and no end of the cell or the row."""
    return " ".join(text.splitlines()).replace("<", "&lt;").replace("|", "\\|") if text.strip() else text
