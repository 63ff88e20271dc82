"""A job's output as it comes, until the job is truly over, over connections that are lost."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

import stamina

from firelib.launch.backend import Backend, JobStatus, LostConnectionError
from firelib.launch.job_record import JobRecord

_PAUSE_SECONDS = 1.0
_PATIENCE_SECONDS = 300.0


def follow(
    chosen: Backend, record: JobRecord, write: Callable[[str], None], pause: float = _PAUSE_SECONDS
) -> JobStatus:
    """Show all that a job writes until it is over.

    The end of a log says nothing: connections end, and a log can end while the job runs on. So its status decides,
    and the log is read once more after that.

    Args:
        chosen: Where the job is.
        record: The job.
        write: Takes new output.
        pause: Seconds between two looks.

    Returns:
        How it ended.

    Raises:
        FirelibError: The backend has not answered for minutes; the job may run on.
    """
    shown = 0
    while True:
        status = _status(chosen, record)
        shown = _show_new(chosen.logs(record, follow=True), shown, write)
        record = _advance(chosen, record)
        if status.is_over:
            return status
        time.sleep(pause)


def _show_new(chunks: Iterator[str], shown: int, write: Callable[[str], None]) -> int:
    """Write what comes after the first `shown` characters; how many are shown then."""
    seen = 0
    with suppress(LostConnectionError):  # the next round begins where this one ends
        for chunk in chunks:
            new = chunk[max(0, shown - seen) :]
            seen += len(chunk)
            if new:
                write(new)
                shown = seen
    return max(shown, seen)


def _status(chosen: Backend, record: JobRecord) -> JobStatus:
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
        on=LostConnectionError, attempts=None, timeout=_PATIENCE_SECONDS, wait_initial=0.5, wait_max=10.0
    )
