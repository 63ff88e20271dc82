"""Submit a job, show its output, and turn its end into the end of the command."""

import sys
from collections.abc import Callable
from pathlib import Path

from firelib.console import note
from firelib.errors import FirelibError, StoppedError
from firelib.launch.backend import Backend, JobStatus
from firelib.launch.backends.registry import validate_job
from firelib.launch.client.code_preview import preview_code
from firelib.launch.client.log_follower import follow, wait_until_over
from firelib.launch.job_record import JobRecord, write_record
from firelib.launch.job_spec import JobSpec
from firelib.signals import on_sigterm


class JobFailedError(FirelibError):
    """A job failed or was cancelled; `exit_code` is the exit code of its stage."""


def send(name: str, spec: JobSpec, prepare: Callable[[JobSpec, str], None] | None = None) -> JobRecord:
    """Check a job, send it to a backend and write its record.

    Args:
        name: The backend.
        spec: The job.
        prepare: Gets the job and the backend's name after the checks, where the job's project is sent elsewhere. It
            uploads what the job needs beside the project, or refuses the job.

    Returns:
        The job's record.

    Raises:
        FirelibError: The backend does not support the job or refuses it, or the project's files contain secrets.
    """
    chosen = validate_job(name, spec)
    for text in chosen.notes(spec):
        note(text)
    if chosen.sends_code:
        preview_code(spec)
        if prepare is not None:
            prepare(spec, name)
    record = JobRecord(spec, name, chosen.submit(spec))
    write_record(Path(spec.project), record)
    return record


def write_output(text: str) -> None:
    """Write a job's output to standard error, unchanged."""
    sys.stderr.write(text)
    sys.stderr.flush()


def wait_for_job(chosen: Backend, record: JobRecord, write: Callable[[str], None] = write_output) -> JobStatus:
    """Show a job's output until the job is over. Ctrl-C and SIGTERM cancel the job and wait for its end.

    Args:
        chosen: The job's backend.
        record: The job.
        write: Receives the output.

    Returns:
        The final status.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed.
        StoppedError: SIGTERM was received.
    """
    with on_sigterm(lambda: _raise_stopped(record.job_id)):
        try:
            return follow(chosen, record, write)
        except KeyboardInterrupt:  # inside this block, SIGTERM raises it as well
            note(f"\nstopping job {record.job_id}; it may save a checkpoint first")
            chosen.cancel(record)
            note(f"job {record.job_id} is {wait_until_over(chosen, record).state}")
            raise


def _raise_stopped(job_id: str) -> None:
    raise StoppedError(f"job {job_id} was stopped", where="SIGTERM", remedy="run the same command again to resume")


def raise_for_status(record: JobRecord, status: JobStatus) -> None:
    """Raise an error if a job did not succeed.

    Args:
        record: The job.
        status: Its final status.

    Raises:
        StoppedError: The job was stopped and can be resumed.
        JobFailedError: The job failed or was cancelled.
    """
    if status.state == "succeeded":
        return
    kind = StoppedError if status.code == StoppedError.exit_code else JobFailedError
    code = f" with exit code {status.exit_code}" if status.exit_code is not None else ""
    error = kind(
        f"job {record.job_id} {status.state}{code}{': ' + status.message if status.message else ''}",
        where=f"{record.backend} {record.handle.get('address', '')}".strip(),
        remedy=f"read firelib logs {record.job_id}; run the same command again to resume from the last checkpoint",
    )
    error.exit_code = status.code or 1
    raise error
