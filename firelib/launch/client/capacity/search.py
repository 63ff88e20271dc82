"""Find the machines that meet a deadline, the cheapest first, or say what would pass."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import ceil, floor, isfinite, log10

from firelib.errors import FirelibError
from firelib.gcp.machine_types import machines
from firelib.gcp.pricing import Service, price
from firelib.launch.client.capacity.model.estimate import Estimate, estimate
from firelib.launch.client.capacity.model.figures import Figures
from firelib.launch.client.capacity.model.network import machine_bandwidth
from firelib.launch.client.capacity.model.workload import Fleet, Workload
from firelib.launch.client.capacity.request import CapacityRequest, format_duration

_COUNTS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
_SHOWN = 10
_FASTEST = 3  # fleets among which the figures that would pass are sought
_BATCH_FACTORS = (4, 16, 64)


def find_fleets(figures: Figures, workload: Workload, request: CapacityRequest) -> list[Estimate]:
    """Find for each machine type the cheapest number of machines that meets the deadline.

    Args:
        figures: Measured figures.
        workload: The work.
        request: Deadline, and which machines to consider.

    Returns:
        At most ten predictions, the cheapest first; those without a known price come last.

    Raises:
        FirelibError: No machines meet the deadline; the error names the fastest, and what would pass. Or no worker
            fits into the machine, or there are so many preemptions that the work never ends.
    """
    fleets = list(list_fleets(request))
    predicted = [each for fleet in fleets if (each := estimate(figures, workload, fleet))]
    if not predicted:
        raise FirelibError(
            f"no training worker of {workload.cpus_per_worker:g} cores fits into "
            f"{request.machine or 'any machine type'}",
            where="--machine, train.cpus_per_worker",
            remedy="choose a larger machine type, or a smaller train.cpus_per_worker",
        )
    predicted = [each for each in predicted if isfinite(each.seconds)]
    limit = request.deadline or float("inf")
    found: dict[str, Estimate] = {}
    for each in sorted(predicted, key=_rank):
        if len(found) == _SHOWN:
            break
        if each.fleet.machine.name in found or each.seconds > limit:
            continue
        simulated = estimate(figures, workload, each.fleet, simulate=True)
        if simulated and isfinite(simulated.seconds) and simulated.seconds <= limit:
            found[each.fleet.machine.name] = simulated
    if not found:
        if not predicted or not request.deadline:
            raise _never_ends(workload, request)
        raise _refuse(figures, workload, request, predicted)
    return sorted(found.values(), key=_rank)


def list_fleets(request: CapacityRequest) -> Iterator[Fleet]:
    """Yield all machines to consider: types without GPUs, in up to 256 machines.

    Args:
        request: Which machines to consider.
    """
    service: Service = "training" if request.to == "vertex" else "compute"
    losses = request.preemptions if request.provisioning == "spot" else 0.0
    for name, machine in machines().items():
        if machine.gpu is not None or request.machine not in (None, name):
            continue
        for count in (request.replicas,) if request.replicas else _COUNTS:
            known = price(name, None, request.provisioning, count, service)
            hourly = known.hourly if known else None
            network = replace(request.network, machine_bytes=machine_bandwidth(machine.vcpus))
            yield Fleet(machine, count, network, request.provisioning, hourly, losses)


def _rank(found: Estimate) -> tuple[bool, float, float]:
    """The cheapest first; without a price, the one with the fewest core-seconds."""
    work = found.fleet.machine.vcpus * found.fleet.count * found.seconds
    return found.cost is None, found.cost or work, found.seconds


def _never_ends(workload: Workload, request: CapacityRequest) -> FirelibError:
    return FirelibError(
        f"{workload.rows:,.0f} rows never end with {request.preemptions:g} preemptions of a machine an hour",
        where="--provisioning, --preemptions",
        remedy="use --provisioning on-demand, or fewer rows",
    )


def _refuse(
    figures: Figures, workload: Workload, request: CapacityRequest, predicted: Sequence[Estimate]
) -> FirelibError:
    """Say how fast the fastest machines are, and which deadline, rows or batch they would meet."""
    assert request.deadline
    fleets = [each.fleet for each in sorted(predicted, key=lambda each: each.seconds)[:_FASTEST]]
    fastest = _fastest(figures, workload, fleets)
    if not isfinite(fastest.seconds):
        return _never_ends(workload, request)
    parts = ", ".join(
        f"{stage.stage} {format_duration(stage.seconds)} (limited by {stage.bottleneck})" for stage in fastest.stages
    )
    minutes = ceil(fastest.seconds / 60)
    ways = [f"give --deadline {minutes // 60}h{minutes % 60}m"]
    if rows := _most_rows(figures, workload, request.deadline, fleets):
        ways.append(f"--rows {rows} or fewer")
    if batch := _least_batch(figures, workload, request):
        ways.append(f"train.global_batch_size {batch} in params.yaml (which changes results)")
    fleet = fastest.fleet
    return FirelibError(
        f"--deadline {format_duration(request.deadline)}: {workload.rows:,.0f} rows take at least "
        f"{format_duration(fastest.seconds)} on {fleet.count} × {fleet.machine.name}: {parts}",
        where="the command line",
        remedy=", or ".join(ways),
    )


def _fastest(figures: Figures, workload: Workload, fleets: Sequence[Fleet]) -> Estimate:
    found = [estimate(figures, workload, fleet, simulate=True) for fleet in fleets]
    return min((each for each in found if each), key=lambda each: each.seconds)


def _most_rows(figures: Figures, workload: Workload, deadline: float, fleets: Sequence[Fleet]) -> int:
    """The most rows that meet the deadline, in two digits; 0 if not even a thousand do."""
    low, high = 3.0, log10(workload.rows)
    for _ in range(12):
        middle = (low + high) / 2
        passes = _fastest(figures, replace(workload, rows=10**middle), fleets).seconds <= deadline
        low, high = (middle, high) if passes else (low, middle)
    if low == 3.0:
        return 0
    unit = int(10 ** (floor(low) - 1))
    return int(10**low / unit) * unit


def _least_batch(figures: Figures, workload: Workload, request: CapacityRequest) -> int | None:
    """The least of some larger batches that meets the deadline: fewer steps exchange gradients less often."""
    for factor in _BATCH_FACTORS:
        larger = replace(workload, batch_rows=workload.batch_rows * factor)
        predicted = [each for fleet in list_fleets(request) if (each := estimate(figures, larger, fleet))]
        fleets = [each.fleet for each in sorted(predicted, key=lambda each: each.seconds)[:_FASTEST]]
        if _fastest(figures, larger, fleets).seconds <= (request.deadline or 0):
            return larger.batch_rows
    return None
