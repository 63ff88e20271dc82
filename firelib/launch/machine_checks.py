"""Checks that a machine type is available with the requested GPUs, region and provisioning."""

from collections.abc import Iterator

from firelib.errors import did_you_mean
from firelib.gcp.machine_catalog import explain_gpu_mismatch
from firelib.gcp.machine_types import Gpu, Machine, find_machine, gpu_kinds, machines
from firelib.launch.job_spec import Resources


def resolve_gpu(resources: Resources) -> Gpu | None:
    """Return a replica's GPUs: the requested ones, else the ones built into its machine.

    Raises:
        FirelibError: The catalog does not list the machine type.
    """
    if resources.gpu is not None or resources.machine is None:
        return resources.gpu
    return find_machine(resources.machine).gpu


def validate_machine(resources: Resources, region: str | None = None, provisioning: str = "on-demand") -> Iterator[str]:
    """Check whether Google Cloud offers a machine.

    Args:
        resources: Machine type, GPUs, and the cores and memory that the machine must have.
        region: Region of Google Cloud; None skips the check of the region.
        provisioning: `on-demand`, `spot` or `flex-start`.

    Yields:
        One line for each problem.
    """
    name, gpu = resources.machine, resources.gpu
    unknown = gpu is not None and gpu.kind not in gpu_kinds()
    if gpu is not None and unknown:
        yield f"resources.gpu.kind: unknown GPU {gpu.kind!r}: {did_you_mean(gpu.kind, gpu_kinds())}"
    if name is None:
        return
    if name not in machines():
        yield f"resources.machine: unknown machine type {name!r}: {did_you_mean(name, machines())}"
        return
    yield from _validate_size(machines()[name], resources)
    yield from _validate_provisioning(machines()[name], resolve_gpu(resources), provisioning)
    if not unknown:
        yield from _validate_gpu(name, gpu)
        yield from _validate_region(resolve_gpu(resources), region)


def _validate_size(machine: Machine, resources: Resources) -> Iterator[str]:
    for name, wanted, available in (
        ("cpus", resources.cpus, machine.vcpus),
        ("memory_gib", resources.memory_gib, machine.memory_gib),
    ):
        if wanted is not None and wanted > available:
            yield f"resources.{name}: {machine.name} has {available:g}, got {wanted:g}"


def _validate_provisioning(machine: Machine, gpu: Gpu | None, provisioning: str) -> Iterator[str]:
    if provisioning == "on-demand" and not machine.rented_on_demand:
        yield f"replicas.provisioning: {machine.name} is offered as spot or flex-start only, got {provisioning!r}"
    if provisioning == "flex-start" and gpu is None:
        yield f"replicas.provisioning: flex-start requires a machine with GPUs, {machine.name} has none"


def _validate_gpu(machine_type: str, gpu: Gpu | None) -> Iterator[str]:
    problem = gpu and explain_gpu_mismatch(machine_type, gpu.kind, gpu.count)
    if problem:
        yield f"resources.gpu: {problem}"


def _validate_region(gpu: Gpu | None, region: str | None) -> Iterator[str]:
    if gpu is not None and region is not None and region not in gpu_kinds()[gpu.kind].regions:
        regions = ", ".join(gpu_kinds()[gpu.kind].regions)
        yield f"target.region: {gpu.kind} is not available in {region!r}; regions that offer it: {regions}"
