"""The limit of a job's cost that `firelib submit --max-cost` sets."""

from collections.abc import Sequence

from firelib.errors import FirelibError
from firelib.launch.backend import Backend
from firelib.launch.job_spec import JobSpec


def refuse_expensive_jobs(chosen: Backend, specs: Sequence[JobSpec], limit: float) -> None:
    """Refuse jobs that together may cost more than a limit.

    Args:
        chosen: The jobs' backend.
        specs: A job, or those of all stages of a run.
        limit: US dollars.

    Raises:
        FirelibError: The jobs may cost more, or the cost of one is not known.
    """
    costs = [chosen.estimate_cost(spec) for spec in specs]
    known = [cost for cost in costs if cost is not None]
    where = f"job {', '.join(spec.job_id for spec in specs)} for {chosen.name}"
    if len(known) < len(costs):
        raise FirelibError(
            f"--max-cost {limit:g}: the cost is not known",
            where=where,
            remedy="give --timeout, and a machine type for which firelib plan --to vertex knows the price",
        )
    if sum(known) > limit:
        raise FirelibError(
            f"--max-cost: expected at most ${limit:.2f}, but ${sum(known):.2f} may be spent within the time limit",
            where=where,
            remedy="give a shorter --timeout, fewer replicas, a smaller machine, or a higher --max-cost",
        )
