"""The CustomJobs of one firelib job: each attempt runs in some placement and carries the job's id as a label.

The labels are the source of truth. So `status` and `cancel` find every attempt, even one whose client died before it
could update the job's record.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from firelib.console import note
from firelib.launch.backends.vertex.custom_job_status import CustomJobStatus, Obstacle
from firelib.launch.backends.vertex.placements import list_placements
from firelib.launch.backends.vertex.request import JOB_LABEL, build_custom_job
from firelib.launch.backends.vertex.target import VertexTarget
from firelib.launch.job_spec import JobSpec

if TYPE_CHECKING:
    from firelib.launch.backends.vertex.client import CustomJobClient


def start_attempt(spec: JobSpec, first: int) -> CustomJobStatus:
    """Create a CustomJob in the first placement that accepts it.

    Args:
        spec: The job.
        first: Index of the first placement to try.

    Raises:
        CapacityError: No placement has quota and machines.
        FirelibError: Vertex AI refuses the request.
    """
    from firelib.launch.backends.vertex.client import CapacityError

    client, placements = create_client(spec), list_placements(spec, VertexTarget.parse(spec.target))
    for number in range(first, len(placements)):
        try:
            return client.create(build_custom_job(spec, placements[number], number))
        except CapacityError as error:
            if number == len(placements) - 1:
                raise
            note(f"{placements[number]}: {error.what.partition(chr(10))[0]}; trying {placements[number + 1]}")
    raise AssertionError("the last placement returns or raises")


def list_attempts(spec: JobSpec, known: str | None = None) -> list[CustomJobStatus]:
    """Return all CustomJobs of a job, the newest attempt last.

    Args:
        spec: The job.
        known: Resource name of one attempt, since a list may not contain a new CustomJob yet.
    """
    client = create_client(spec)
    found = {
        job.name: job
        for region in dict.fromkeys(VertexTarget.parse(spec.target).region)
        for job in client.list_labelled(region, JOB_LABEL, spec.job_id)
    }
    if known is not None and known not in found:
        found[known] = client.get(known)
    return sorted(found.values(), key=lambda job: (job.created, job.placement, job.name))


def choose_placement(spec: JobSpec, attempts: Sequence[CustomJobStatus], obstacle: Obstacle) -> int | None:
    """Choose the placement of the next attempt.

    After a preemption, the same placement is tried first: its machines fit, and the bucket is near. If there are none,
    that attempt ends with a stock-out, and the next placement follows.

    Args:
        spec: The job; `replicas.restarts` limits how often it resumes after a preemption.
        attempts: All attempts so far, the newest last.
        obstacle: Why the newest one did not finish.

    Returns:
        Index of the placement; None if no other attempt would help.
    """
    newest = attempts[-1].placement
    if obstacle == "preemption":
        losses = sum(attempt.has_run for attempt in attempts)
        return newest if losses <= spec.replicas.restarts else None
    count = len(list_placements(spec, VertexTarget.parse(spec.target)))
    return newest + 1 if newest + 1 < count else None


def cancel_attempts(spec: JobSpec, known: str | None = None) -> None:
    """Cancel every CustomJob of a job that is not over.

    Args:
        spec: The job.
        known: Resource name of one attempt.
    """
    client = create_client(spec)
    for attempt in list_attempts(spec, known):
        if not attempt.status().is_over:
            client.cancel(attempt.name)


def create_client(spec: JobSpec) -> "CustomJobClient":
    """Return a client for the project and endpoint of a job."""
    from firelib.launch.backends.vertex.client import CustomJobClient

    target = VertexTarget.parse(spec.target)
    return CustomJobClient(target.project, target.endpoint)
