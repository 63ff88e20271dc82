"""The command `firelib jobs`."""

from typing import Annotated

import typer

_NEWEST = 20


def jobs(
    last: Annotated[int, typer.Option("--last", min=1, help="Number of jobs, newest first.")] = _NEWEST,
    timeout: Annotated[int, typer.Option(min=1, help="Seconds for all backends to answer.")] = 15,
) -> None:
    """List the project's jobs on all backends: state, age, cost. A backend that does not answer is named in its row.

    Examples: `firelib jobs` · `firelib jobs --last 100`
    """
    from firelib.cli.project import current_options
    from firelib.console import note
    from firelib.launch.client.job_list import list_jobs, select_newest
    from firelib.launch.client.job_table import show_jobs
    from firelib.launch.job_record import read_records
    from firelib.project_layout import find_project

    records = read_records(find_project(current_options().params))
    if not records:
        note("no jobs yet: firelib submit --help")
        return
    newest = select_newest(records, last)
    show_jobs(list_jobs(newest, timeout))
    if len(newest) < len(records):
        note(f"older jobs: firelib jobs --last {len(records)}")
