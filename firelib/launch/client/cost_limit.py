"""The limit of a job's cost that `firelib submit --max-cost` sets."""

from firelib.errors import FirelibError
from firelib.launch.backend import Backend
from firelib.launch.job_spec import JobSpec


def refuse_expensive_job(chosen: Backend, spec: JobSpec, limit: float) -> None:
    """Refuse a job that may cost more than a limit.

    Args:
        chosen: The job's backend.
        spec: The job.
        limit: US dollars.

    Raises:
        FirelibError: The job may cost more, or its cost is not known.
    """
    cost, where = chosen.estimate_cost(spec), f"job {spec.job_id} for {chosen.name}"
    if cost is None:
        raise FirelibError(
            f"--max-cost {limit:g}: the cost of this job is not known",
            where=where,
            remedy="give --timeout, and a machine type for which firelib plan --to vertex knows the price",
        )
    if cost > limit:
        raise FirelibError(
            f"--max-cost: expected at most ${limit:.2f}, but the job may cost ${cost:.2f} within its time limit",
            where=where,
            remedy="give a shorter --timeout, fewer replicas, a smaller machine, or a higher --max-cost",
        )
