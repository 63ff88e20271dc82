"""The jobs of a project with their states, which all backends are asked for concurrently, within one time limit."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from threading import Thread

from firelib.errors import FirelibError
from firelib.gcp.pricing import price
from firelib.launch.backend import JobStatus
from firelib.launch.backends.registry import load_backend
from firelib.launch.job_record import JobRecord

_HOUR = 3600.0


@dataclass(frozen=True)
class ListedJob:
    """A job and what its backend says of it.

    Attributes:
        record: The job.
        status: Its status; None if the backend did not answer.
        problem: Why the backend did not answer; empty if it did.
    """

    record: JobRecord
    status: JobStatus | None = None
    problem: str = ""

    @property
    def age(self) -> float:
        """Seconds since the submission."""
        submitted = datetime.fromisoformat(self.record.submitted)
        return (datetime.now(UTC) - submitted).total_seconds()

    @property
    def cost(self) -> float | None:
        """US dollars for the machines so far; None if none are rented, or their time is not reported."""
        resources, replicas = self.record.spec.resources, self.record.spec.replicas
        if self.status is None or self.status.seconds is None or resources.machine is None:
            return None
        rate = price(resources.machine, resources.gpu, replicas.provisioning, replicas.count, "training")
        return None if rate is None else rate.hourly * self.status.seconds / _HOUR


def list_jobs(records: Sequence[JobRecord], timeout: float) -> list[ListedJob]:
    """Ask the backends of jobs for their states, all at once.

    Args:
        records: The jobs.
        timeout: Seconds after which a backend that has not answered counts as unreachable.

    Returns:
        The jobs in the same order. A backend that refuses, or does not answer in time, is a `problem` of its jobs.
    """
    found = [ListedJob(record, problem=f"no answer within {timeout:g} s") for record in records]

    def ask(index: int) -> None:
        found[index] = _ask(records[index])

    # Not an executor: at its end it would wait for calls that hang. These threads do not keep the process alive.
    threads = [Thread(target=ask, args=(index,), daemon=True) for index in range(len(records))]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + timeout
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return list(found)


def _ask(record: JobRecord) -> ListedJob:
    try:
        return replace(ListedJob(record), status=load_backend(record.backend).status(record))
    except FirelibError as error:
        return ListedJob(record, problem=error.headline)
    except Exception as error:  # noqa: BLE001  one broken backend must not hide the jobs of the others
        return ListedJob(record, problem=f"{type(error).__name__}: {error}".partition("\n")[0])
