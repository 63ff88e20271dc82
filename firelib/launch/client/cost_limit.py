"""The limit of the cost that `firelib submit --max-cost` sets."""

from collections.abc import Sequence

from firelib.errors import FirelibError
from firelib.launch.backend import Backend
from firelib.launch.job_spec import JobSpec


def refuse_expensive_jobs(chosen: Backend, specs: Sequence[JobSpec], limit: float) -> None:
    """Refuse jobs that together may cost more than a limit.

    Args:
        chosen: The backend of the jobs.
        specs: One job, or those of the stages of a whole run.
        limit: US dollars.

    Raises:
        FirelibError: The jobs may cost more, or the cost of one is not known.
    """
    costs = [_estimate(chosen, spec, limit) for spec in specs]
    if sum(costs) > limit:
        raise FirelibError(
            f"--max-cost: expected at most ${limit:.2f}, but the job may cost ${sum(costs):.2f} within its time limit",
            where=f"job {specs[-1].job_id} for {chosen.name}",
            remedy="give a shorter --timeout, fewer replicas, a smaller machine, or a higher --max-cost",
        )


def _estimate(chosen: Backend, spec: JobSpec, limit: float) -> float:
    cost = chosen.estimate_cost(spec)
    if cost is None:
        raise FirelibError(
            f"--max-cost {limit:g}: the cost of this job is not known",
            where=f"job {spec.job_id} for {chosen.name}",
            remedy="give --timeout, and a machine type for which firelib plan --to vertex knows the price",
        )
    return cost
