"""Distributed computing: nodes and tasks of each stage, and the jobs that ran elsewhere."""

from collections.abc import Iterator, Mapping

from firelib.launch.backends.registry import backend_names
from firelib.launch.job_record import JobRecord, read_records
from firelib.report.content import Block, Missing, Table, Text
from firelib.report.drawings.timeline import Span, Timeline
from firelib.report.project import ReportedProject
from firelib.stage_records.stage_record import StageRecord
from firelib.stage_records.store import RECORDS


def runs(project: ReportedProject) -> Iterator[Block]:
    """The last run of each stage, on this machine or in a job: nodes and tasks."""
    for problem in project.recorded.problems:
        yield Missing(
            f"cannot be read: {problem.headline} ({project.shown(problem.where or '')})", problem.remedy or ""
        )
    records, environments = project.last_runs, _find_environments(project)
    if not records:
        yield Missing(
            f"no record of a distributed run: {RECORDS}/{project.name}/ is empty", f"{project.run_command} --force"
        )
        return
    rows = [
        [
            record.stage,
            record.begun,
            _describe_origin(record, environments),
            f"{record.seconds:,.1f} s",
            str(len(record.nodes)) if record.nodes else "no Ray",
            f"{sum(total.tasks for total in record.totals):,}",
            f"{sum(total.seconds for total in record.totals):,.1f} s",
        ]
        for record in records
    ]
    columns = ["stage", "begun (UTC)", "where", "took", "nodes", "tasks", "time of all tasks"]
    yield Table("Stages, last run of each", columns, rows)
    for record in records:
        yield from _describe(record)


def _find_environments(project: ReportedProject) -> dict[str, str]:
    """Id of each job that was submitted from this project → where it ran; none if the records cannot be read."""
    jobs = project.attempt(lambda: read_records(project.folder)) or []
    return {record.job_id: record.environment for record in jobs}


def _describe_origin(record: StageRecord, environments: Mapping[str, str]) -> str:
    if record.job is None:
        return "this machine"
    return f"{environments.get(record.job, 'elsewhere')}, job {record.job}"


def _describe(record: StageRecord) -> Iterator[Block]:
    if record.nodes:
        nodes = [
            [
                node.address,
                "head" if node.is_head else "worker",
                f"{node.cpus:g}",
                f"{node.gpus:g}",
                f"{node.memory_gib:,.1f} GiB",
                f"{node.object_store_gib:,.1f} GiB",
            ]
            for node in record.nodes
        ]
        columns = ["node", "", "CPUs", "GPUs", "memory", "object store"]
        yield Table(f"{record.stage}: nodes of Ray", columns, nodes)
    if record.tasks:
        spans = [
            Span(f"{task.node} {task.worker}", task.name, task.start, task.start + task.seconds)
            for task in record.tasks
        ]
        yield Timeline(f"{record.stage}: tasks by worker process", spans)
    if record.totals:
        totals = [
            [total.name, f"{total.tasks:,}", str(total.nodes), f"{total.seconds:,.2f} s"]
            for total in record.totals[:12]
        ]
        yield Table(f"{record.stage}: tasks by name", ["task", "tasks", "nodes", "time of all"], totals)


def jobs(project: ReportedProject) -> Iterator[Block]:
    """The jobs that were submitted from this project, and the environments without one."""
    records = read_records(project.folder)
    if records:
        columns = ["job", "environment", "command", "replicas", "machine", "image", "submitted"]
        yield Table("Jobs in other environments", columns, [_job_row(record) for record in records])
        yield Text("firelib jobs shows their state now.")
    used = {record.environment for record in records}
    never = [name for name in backend_names() if name not in used]
    if never:
        yield Missing(
            f"no job was submitted from this project to: {', '.join(never)}",
            f"firelib submit --to {never[0]} -- firelib run",
        )


def _job_row(record: JobRecord) -> list[str]:
    spec = record.spec
    gpu = spec.resources.gpu
    machine = spec.resources.machine or "–"
    return [
        record.job_id,
        record.environment,
        " ".join(spec.command),
        str(spec.replicas.count),
        f"{machine} + {gpu.count} {gpu.kind}" if gpu else machine,
        (spec.image or "–").rpartition("/")[2],
        record.submitted,
    ]
