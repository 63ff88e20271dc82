"""Follow a job's log until the job is over, across lost connections."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

import stamina

from firelib.launch.backend import Backend, JobStatus, LostConnectionError
from firelib.launch.job_record import JobRecord

_POLL_SECONDS = 1.0
_RETRY_SECONDS = 300.0


def follow(chosen: Backend, record: JobRecord, write: Callable[[str], None], pause: float = _POLL_SECONDS) -> JobStatus:
    """Write a job's output as it appears, until the job is over.

    The end of the log is no sign that the job is over: connections break, and a log can end while the job runs on.
    Therefore the job's status decides, and the log is read once more after the last status.

    Args:
        chosen: The job's backend.
        record: The job.
        write: Receives each new piece of output.
        pause: Seconds between two polls.

    Returns:
        The final status.

    Raises:
        FirelibError: The backend has not answered for 300 seconds; the job may still be running.
    """
    shown = 0
    while True:
        status = _read_status(chosen, record)
        shown = _write_new(chosen.logs(record, follow=True), shown, write)
        record = _advance(chosen, record)
        if status.is_over:
            return status
        time.sleep(pause)


def _write_new(chunks: Iterator[str], shown: int, write: Callable[[str], None]) -> int:
    """Write the log from character `shown` on; return the number of characters shown so far."""
    seen = 0
    with suppress(LostConnectionError):  # the next poll resumes at `shown`
        for chunk in chunks:
            new = chunk[max(0, shown - seen) :]
            seen += len(chunk)
            if new:
                write(new)
                shown = seen
    return max(shown, seen)


def _read_status(chosen: Backend, record: JobRecord) -> JobStatus:
    for attempt in _retries():
        with attempt:
            return chosen.status(record)
    raise AssertionError("stamina raises the last error")


def _advance(chosen: Backend, record: JobRecord) -> JobRecord:
    for attempt in _retries():
        with attempt:
            return chosen.advance(record)
    raise AssertionError("stamina raises the last error")


def _retries() -> Iterable[stamina.Attempt]:
    return stamina.retry_context(
        on=LostConnectionError, attempts=None, timeout=_RETRY_SECONDS, wait_initial=0.5, wait_max=10.0
    )
