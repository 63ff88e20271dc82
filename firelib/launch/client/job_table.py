"""Jobs of all backends as a table."""

from collections.abc import Sequence

from firelib.cluster.status_tables import format_duration
from firelib.console import out, table
from firelib.launch.client.job_list import ListedJob, group_stages


def show_jobs(jobs: Sequence[ListedJob]) -> None:
    """Print one row for each job, the newest first."""
    shown = table(
        "Jobs", ["id", "backend", "stage", "state", "age", "cost"], [row(job) for job in reversed(group_stages(jobs))]
    )
    for column in shown.columns:
        column.justify = "left"
    out.print(shown)


def row(job: ListedJob) -> list[str]:
    """Cells of a job; the state of one whose backend did not answer is the reason. A whole run names its last stage."""
    record = job.record
    state = job.status.state if job.status else f"unknown: {job.problem}"
    running = [stage.record.job_id for stage in job.stages if stage.status and not stage.status.is_over]
    if job.status and job.status.is_over and running:  # its process on this machine was killed
        state = f"{state}, but {running[-1]} still runs"
    cost = "" if job.cost is None else f"about ${job.cost:.2f}"
    stage = f"{record.spec.stage}: {job.stages[-1].record.spec.stage}" if job.stages else record.spec.stage
    return [record.job_id, record.environment, stage, state, format_duration(job.age), cost]
