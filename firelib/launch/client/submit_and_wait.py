"""Send a job and stay with it: what it writes is shown, and it ends when the caller is told to end."""

import sys
from collections.abc import Callable
from pathlib import Path

from firelib.console import note
from firelib.errors import FirelibError, StoppedError
from firelib.launch.backend import Backend, JobStatus
from firelib.launch.backends.registry import validate_job
from firelib.launch.client.log_follower import follow
from firelib.launch.job_record import JobRecord, write_record
from firelib.launch.job_spec import JobSpec
from firelib.signals import on_sigterm


def send(name: str, spec: JobSpec) -> JobRecord:
    """Check a job, send it to a backend and keep its record.

    Raises:
        FirelibError: The backend would refuse it, or does.
    """
    chosen = validate_job(name, spec)
    record = JobRecord(spec, name, chosen.submit(spec))
    write_record(Path(spec.project), record)
    return record


def show(text: str) -> None:
    """What a job wrote, as it is."""
    sys.stderr.write(text)
    sys.stderr.flush()


def attend(chosen: Backend, record: JobRecord, write: Callable[[str], None] = show) -> JobStatus:
    """Show a job's output until it is over. Ctrl-C and SIGTERM cancel it, and wait until it has ended.

    Returns:
        How it ended.

    Raises:
        KeyboardInterrupt: After Ctrl-C.
        StoppedError: After SIGTERM.
    """
    with on_sigterm(lambda: _raise_told(record.job_id)):
        try:
            return follow(chosen, record, write)
        except KeyboardInterrupt:  # SIGTERM, too, until it leaves the block
            note(f"\nstopping job {record.job_id}; it may save its work first")
            chosen.cancel(record)
            note(f"job {record.job_id} is {follow(chosen, record, lambda _: None).state}")
            raise


class JobFailedError(FirelibError):
    """A job that did not end well."""


def _raise_told(job_id: str) -> None:
    raise StoppedError(f"job {job_id} was stopped", remedy="the same command goes on from there")


def refuse_failure(record: JobRecord, status: JobStatus) -> None:
    """Raise what the end of a job means for the one who waited for it.

    Raises:
        StoppedError: It was stopped and can go on.
        JobFailedError: It failed or was cancelled; its exit code is that of the stage.
    """
    if status.state == "succeeded":
        return
    kind = StoppedError if status.code == StoppedError.exit_code else JobFailedError
    code = f" with exit code {status.exit_code}" if status.exit_code is not None else ""
    error = kind(
        f"job {record.job_id} {status.state}{code}{': ' + status.message if status.message else ''}",
        where=f"{record.backend} {record.handle.get('address', '')}".strip(),
        remedy=f"firelib logs {record.job_id} shows all that it wrote; the same command goes on from what is saved",
    )
    error.exit_code = status.code or 1
    raise error
