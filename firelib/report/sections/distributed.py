"""Distributed computing: nodes and tasks of each stage, and the jobs that ran elsewhere."""

from collections.abc import Iterator

from firelib.launch.backends.registry import backend_names
from firelib.launch.job_record import JobRecord, read_records
from firelib.report.content import Block, Missing, Table, Text
from firelib.report.drawings.timeline import Span, Timeline
from firelib.report.project import ReportedProject
from firelib.report.stage_records.record import RECORDS, StageRecord
from firelib.report.stage_records.record import read_records as read_stages


def runs(project: ReportedProject) -> Iterator[Block]:
    """The stages that ran on this machine or on its Ray cluster: nodes and tasks."""
    records = read_stages(project.paths)
    if not records:
        yield Missing(
            f"no record of a distributed run: {RECORDS}/{project.name}/ is empty", f"{project.run_command} --force"
        )
        return
    rows = [
        [
            record.stage,
            record.begun,
            f"{record.seconds:,.1f} s",
            str(len(record.nodes)) if record.nodes else "no Ray",
            f"{sum(total.tasks for total in record.totals):,}",
            f"{sum(total.seconds for total in record.totals):,.1f} s",
        ]
        for record in records
    ]
    columns = ["stage", "begun (UTC)", "took", "nodes", "tasks", "time of all tasks"]
    yield Table("Stages, last run of each on this machine", columns, rows)
    for record in records:
        yield from _describe(record)


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
