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
        stages: The jobs of the stages that a whole run has sent, the newest last.
    """

    record: JobRecord
    status: JobStatus | None = None
    problem: str = ""
    stages: Sequence["ListedJob"] = ()

    @property
    def age(self) -> float:
        """Seconds since the submission."""
        submitted = datetime.fromisoformat(self.record.submitted)
        return (datetime.now(UTC) - submitted).total_seconds()

    @property
    def cost(self) -> float | None:
        """US dollars for the machines so far; None if none are rented, or their time is not reported."""
        if self.stages:
            known = [stage.cost for stage in self.stages if stage.cost is not None]
            return sum(known) if known else None
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


def select_newest(records: Sequence[JobRecord], last: int) -> list[JobRecord]:
    """Return the newest jobs; the stages of a whole run do not count, and come with it.

    Args:
        records: All jobs, the newest last.
        last: Number of jobs.
    """
    runs = [record for record in records if record.is_whole_run]
    alone = [record for record in records if not any(record.is_stage_of(run) for run in runs)]
    newest = alone[-last:]
    return [record for record in records if record in newest or any(record.is_stage_of(run) for run in newest)]


def group_stages(jobs: Sequence[ListedJob]) -> list[ListedJob]:
    """Return the jobs with those of stages inside the whole runs that have sent them."""
    runs = [job for job in jobs if job.record.is_whole_run]
    alone = [job for job in jobs if not any(job.record.is_stage_of(run.record) for run in runs)]
    return [replace(job, stages=[each for each in jobs if each.record.is_stage_of(job.record)]) for job in alone]


def _ask(record: JobRecord) -> ListedJob:
    try:
        return replace(ListedJob(record), status=load_backend(record.backend).status(record))
    except FirelibError as error:
        return ListedJob(record, problem=error.headline)
    except Exception as error:  # noqa: BLE001  one broken backend must not hide the jobs of the others
        return ListedJob(record, problem=f"{type(error).__name__}: {error}".partition("\n")[0])
