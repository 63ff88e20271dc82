"""A model card: what a model is, what it was made from, how good it is, and what is not known about it."""

from firelib.console_tables import NOTES, read_results
from firelib.recipe import infer_task
from firelib.report.figures import flatten, only_figures, show_figure
from firelib.report.project import ReportedProject, read_json_file
from firelib.report.render import environment


def render_model_card(project: ReportedProject) -> str:
    """Render the model card of a project as Markdown.

    Args:
        project: The project, which has a model.

    Returns:
        The text. What nobody has declared, such as the intended use, is named as not stated.
    """
    lineage, manifest = project.lineage or {}, project.manifest
    results = read_results(project.paths) or {}
    metrics = sorted({name for result in results.values() for name in result})
    weights = read_json_file(project.paths.model / "weights.json") or {}
    test = read_json_file(project.paths.test_metrics) or {}
    params = {name: lineage.get("params", {}).get(name) or {} for name in ("train", "model")}
    return (
        environment()
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
