"""Put the sections together. A part that cannot be read is shown as missing; the others stay."""

from collections.abc import Callable, Iterator, Sequence

from firelib.errors import FirelibError
from firelib.report.content import Block, Missing, Report, Section, Table, Text
from firelib.report.project import DAMAGED, ReportedProject
from firelib.report.sections import (
    benchmarks,
    containers,
    costs,
    data,
    distributed,
    machines,
    metrics,
    pipeline,
    reproduce,
    stored,
    summary,
    training,
)

_Part = Callable[[ReportedProject], Iterator[Block]]

#: Heading → what is below it: blocks, or subsections. The second to the sixth are the deliverables.
_SECTIONS: Sequence[tuple[str, _Part | Sequence[tuple[str, _Part]]]] = (
    ("Project", summary.summary),
    ("Containers", containers.containers),
    (
        "Machines and environments",
        (
            ("Clusters and hosts", machines.clusters),
            ("What Ansible did", machines.ansible_runs),
            ("Python environment", machines.environment),
        ),
    ),
    (
        "Pipeline with versions",
        (
            ("Stages", pipeline.stages),
            ("Parameters", pipeline.parameters),
            ("Data versions and differences", data.versions),
            ("Dataset", data.dataset),
            ("Metrics by version", metrics.by_version),
            ("Metrics by experiment", metrics.by_state),
            ("Lineage", pipeline.lineage),
        ),
    ),
    (
        "Distributed computing and storage",
        (("Stages on Ray", distributed.runs), ("Jobs", distributed.jobs), ("Storage", stored.stored)),
    ),
    (
        "Training workflows",
        (
            ("Curves and restarts", training.curves),
            ("Time and metrics of the training", training.time_spent),
            ("Weights & Biases", training.tracked),
            ("Pictures", metrics.pictures),
        ),
    ),
    ("Benchmarks", benchmarks.benchmarks),
    ("Costs", costs.costs),
    ("Reproduce", reproduce.commands),
)


def collect(project: ReportedProject, not_written: Sequence[Missing] = ()) -> Report:
    """Collect the evidence of a project.

    Args:
        project: The project.
        not_written: Files beside the report that could not be made.

    Returns:
        The report. Its last section lists everything that is missing.
    """
    sections = [_build(project, heading, content) for heading, content in _SECTIONS]
    if not_written:
        sections.append(Section("Files beside the report", list(not_written)))
    subtitle = "Evidence of data, pipeline, training and machines, made by firelib report from the project's own files."
    metadata = {
        "firelib:recipe": project.name,
        "firelib:run": project.attempt(lambda: project.run_id) or "",
        "firelib:manifest": project.attempt(lambda: project.manifest and project.manifest.sha256) or "",
    }
    report = Report(f"{project.name}: report", subtitle, sections, metadata)
    return Report(report.title, subtitle, [*sections, _list_missing(report)], metadata)


def _build(project: ReportedProject, heading: str, content: _Part | Sequence[tuple[str, _Part]]) -> Section:
    if callable(content):
        return Section(heading, _attempt(content, project))
    return Section(heading, parts=[Section(name, _attempt(part, project)) for name, part in content])


def _attempt(part: _Part, project: ReportedProject) -> list[Block]:
    blocks: list[Block] = []
    try:
        blocks.extend(part(project))
    except FirelibError as error:
        where = f" ({project.shown(error.where)})" if error.where else ""
        blocks.append(Missing(f"cannot be read: {error.headline}{where}", error.remedy or ""))
    except DAMAGED as error:
        blocks.append(Missing(f"cannot be read: {type(error).__name__}: {error}"))
    return blocks


def _list_missing(report: Report) -> Section:
    missing = report.missing
    if not missing:
        return Section("What was not run", [Text("Nothing is missing.")])
    rows = [[section, block.what, block.remedy] for section, block in missing]
    return Section("What was not run", [Table("Missing evidence", ["section", "what", "what makes it"], rows)])
