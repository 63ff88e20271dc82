"""Waiting for a job: a signal cancels it, and its failure becomes the error of the command."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from firelib.errors import StoppedError
from firelib.launch.backend import Backend, JobStatus
from firelib.launch.client.submit_and_wait import JobFailedError, raise_for_status, wait_for_job
from firelib.launch.job_record import JobRecord
from tests.errors import refused
from tests.launch.jobs import job


class Service:
    """A backend whose connection runs in asyncio; a signal arrives inside a callback of the loop."""

    poll_seconds, log_delay_seconds = 0.01, 0.0
    open_log = Backend.open_log

    def __init__(self, number: signal.Signals) -> None:
        self._number, self._sent, self.cancelled = number, False, False

    def status(self, record: JobRecord) -> JobStatus:
        return JobStatus("cancelled" if self.cancelled else "running")

    def logs(self, record: JobRecord, follow: bool) -> Iterator[str]:
        if not self.cancelled:
            loop = asyncio.new_event_loop()
            loop.call_soon(self._send_signal)
            try:
                loop.run_until_complete(asyncio.sleep(0.01))
            finally:
                loop.close()
        yield "a line\n"

    def advance(self, record: JobRecord) -> JobRecord:
        return record

    def cancel(self, record: JobRecord) -> None:
        self.cancelled = True

    def _send_signal(self) -> None:
        if self._sent:
            sys.exit("the first signal was lost")
        self._sent = True
        os.kill(os.getpid(), self._number)
        for _ in range(1000):  # Python calls the handler between two of these
            pass


@pytest.mark.parametrize(("number", "error"), [(signal.SIGTERM, StoppedError), (signal.SIGINT, KeyboardInterrupt)])
def test_a_signal_inside_a_callback_cancels_the_job(tmp_path: Path, number, error) -> None:
    service = Service(number)
    with pytest.raises(error):
        wait_for_job(service, JobRecord(job(project=str(tmp_path)), "ray", {}))
    assert service.cancelled


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (JobStatus("failed", 7, "exit code 7"), JobFailedError, 7),
        (JobStatus("failed"), JobFailedError, 1),
        (JobStatus("cancelled", 143), JobFailedError, 143),
        (JobStatus("failed", 75), StoppedError, 75),
    ],
)
def test_a_failed_job_is_an_error_with_the_exit_code_of_its_stage(status, kind, code) -> None:
    record = JobRecord(job(), "ray", {"address": "http://head:8265"})
    with refused(what=record.job_id, where="ray http://head:8265", remedy=record.job_id, kind=kind) as caught:
        raise_for_status(record, status)
    assert caught.value.exit_code == code


def test_a_job_that_succeeded_is_no_error() -> None:
    raise_for_status(JobRecord(job(), "local", {}), JobStatus("succeeded", 0))
