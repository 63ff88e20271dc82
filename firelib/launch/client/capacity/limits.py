"""What a plan does not know: said with every plan."""

from collections.abc import Iterator, Sequence

from firelib.launch.client.capacity.model.estimate import Estimate
from firelib.launch.client.capacity.model.figures import Figures
from firelib.launch.client.capacity.model.network import MACHINE_HOP
from firelib.launch.client.capacity.model.workload import Workload
from firelib.launch.client.capacity.request import CapacityRequest

_NOTEWORTHY = 1.5  # how many times more than was measured is called extrapolated


def list_limits(figures: Figures, workload: Workload, request: CapacityRequest, found: Sequence[Estimate]) -> list[str]:
    """List what a plan extrapolates, assumes and leaves out.

    Args:
        figures: Measured figures.
        workload: The work.
        request: The options.
        found: The predictions that are shown.
    """
    return [*_extrapolated(figures, workload, found), *_assumed(figures, request)]


def _extrapolated(figures: Figures, workload: Workload, found: Sequence[Estimate]) -> Iterator[str]:
    for stage, curve in (("extract", figures.extract), ("transform", figures.transform)):
        yield from _compare(f"{stage}: rows", workload.rows, curve.most_rows)
    training = figures.training
    yield from _compare("train: rows", workload.rows * workload.train_share * workload.epochs, training.most_rows)
    cores = max(each.fleet.machine.vcpus * each.fleet.count for each in found)
    yield from _compare("transform: cores", cores, figures.transform.most_cores)
    yield from _compare("train: workers", max(each.workers for each in found), training.steps.most_workers)


def _compare(what: str, planned: float, measured: float) -> Iterator[str]:
    if planned > _NOTEWORTHY * measured:
        yield f"{what}: extrapolated {planned / measured:,.0f} × (at most {measured:,.0f} were measured)"


def _assumed(figures: Figures, request: CapacityRequest) -> Iterator[str]:
    if figures.borrowed:
        yield f"{', '.join(figures.borrowed)}: never measured in this project; firelib plan --measure does it"
    yield "a vCPU counts as one core of the machine that was measured; more machines share the work of transform evenly"
    yield "GPUs were never measured: machine types with GPUs are left out"
    yield (
        f"network, assumed: {request.latency_ms:g} ms to the bucket, {request.bucket_gbit:g} Gbit/s in all, "
        f"2 Gbit/s a vCPU and at most 16 a machine, {1000 * MACHINE_HOP:g} ms between machines"
    )
    steps = figures.training.steps
    yield (
        f"all-reduce, assumed: {steps.all_reduce.bytes_per_second / 1e9:g} GB/s between two workers (β); "
        f"stragglers, {'assumed' if 'train' in figures.borrowed else 'measured'}: the logarithm of a worker's step "
        f"has a spread of {steps.spread:.2g}"
    )
    if request.provisioning == "spot":
        yield f"Spot, assumed: {request.preemptions:g} preemptions of a machine an hour"
    yield "not included: the start of machines, images, evaluate, disks, network traffic, and the bucket"
