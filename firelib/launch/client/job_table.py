"""Jobs of all backends as a table."""

from collections.abc import Sequence

from firelib.cluster.status_tables import format_duration
from firelib.console import out, table
from firelib.launch.client.job_list import ListedJob


def show_jobs(jobs: Sequence[ListedJob]) -> None:
    """Print one row for each job, the newest first."""
    shown = table("Jobs", ["id", "backend", "stage", "state", "age", "cost"], [row(job) for job in reversed(jobs)])
    for column in shown.columns:
        column.justify = "left"
    out.print(shown)


def row(job: ListedJob) -> list[str]:
    """Cells of a job; the state of one whose backend did not answer is the reason."""
    record = job.record
    state = job.status.state if job.status else f"unknown: {job.problem}"
    cost = "" if job.cost is None else f"about ${job.cost:.2f}"
    return [record.job_id, record.backend, record.spec.stage, state, format_duration(job.age), cost]
