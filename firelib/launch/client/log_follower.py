"""Follow a job's log until the job is over, across lost connections."""

import time
from collections.abc import Callable, Iterable, Iterator

import stamina

from firelib.launch.backend import Backend, JobStatus, LostConnectionError
from firelib.launch.job_record import JobRecord

_RETRY_SECONDS = 300.0


def follow(chosen: Backend, record: JobRecord, write: Callable[[str], None], pause: float | None = None) -> JobStatus:
    """Write a job's output as it appears, until the job is over.

    The end of the log is no sign that the job is over: connections break, and a log can end while the job runs on.
    Therefore the job's status decides, and the log is read on after the last status, since it may lag behind.

    Args:
        chosen: The job's backend.
        record: The job.
        write: Receives each new piece of output.
        pause: Seconds between two polls; None means as long as the backend asks for.

    Returns:
        The final status.

    Raises:
        FirelibError: The backend has not answered for 300 seconds; the job may still be running.
    """
    pause = chosen.poll_seconds if pause is None else pause
    read_on = chosen.open_log(record)
    while True:
        status = _read_status(chosen, record)
        _write_new(read_on, write)
        record = _advance(chosen, record)
        if status.is_over:
            _write_rest(read_on, write, pause, chosen.log_delay_seconds)
            return status
        time.sleep(pause)


def wait_until_over(chosen: Backend, record: JobRecord) -> JobStatus:
    """Wait for the end of a job without reading its log; return the final status.

    Args:
        chosen: The job's backend.
        record: The job.

    Raises:
        FirelibError: The backend has not answered for 300 seconds; the job may still be running.
    """
    while not (status := _read_status(chosen, record)).is_over:
        record = _advance(chosen, record)
        time.sleep(chosen.poll_seconds)
    _advance(chosen, record)
    return status


def _write_new(read_on: Callable[[], Iterator[str]], write: Callable[[str], None]) -> bool:
    """Write new output; return whether more may follow at once: there was some, or the connection was lost."""
    found = False
    try:
        for chunk in read_on():
            write(chunk)
            found = True
    except LostConnectionError:  # the next poll reads on
        return True
    return found


def _write_rest(read_on: Callable[[], Iterator[str]], write: Callable[[str], None], pause: float, delay: float) -> None:
    """Write what arrives after the end of the job, until nothing has arrived for `delay` seconds."""
    start = heard = time.monotonic()
    while time.monotonic() - heard < delay and time.monotonic() - start < _RETRY_SECONDS:
        time.sleep(pause)
        if _write_new(read_on, write):
            heard = time.monotonic()


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
