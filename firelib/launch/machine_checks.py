"""Checks that a machine type is available with the requested GPUs, region and provisioning.

The catalog is advice, not a gate: Google adds machine types that it does not list. Those pass, and a note says what is
not known of them.
"""

import re
from collections.abc import Iterator
from difflib import get_close_matches

from firelib.errors import did_you_mean
from firelib.gcp.machine_catalog import explain_gpu_mismatch, read_catalog
from firelib.gcp.machine_types import Gpu, Machine, gpu_kinds, machines
from firelib.launch.job_spec import Resources

_MACHINE_TYPE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)+")
_TPU = re.compile(r"(cloud-)?tpu|ct\d|v\d+[a-z]*(pod|litepod)", re.IGNORECASE)


def resolve_gpu(resources: Resources) -> Gpu | None:
    """Return a replica's GPUs: the requested ones, else the ones built into its machine, as far as they are known."""
    if resources.gpu is not None or resources.machine is None:
        return resources.gpu
    machine = machines().get(resources.machine)
    return machine.gpu if machine else None


def find_machine_notes(resources: Resources) -> Iterator[str]:
    """Yield what is not known of a machine type that the catalog does not list."""
    name = resources.machine
    if name is None or name in machines():
        return
    close = get_close_matches(name, machines(), n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    gpus = "" if resources.gpu else "; if it has GPUs, name them: --gpu KIND:COUNT"
    yield (
        f"machine type {name!r} is not in the catalog of {read_catalog()['as_of']}{hint}: "
        f"price and quota are unknown, and nothing about it is checked{gpus}"
    )


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
    known = gpu is None or gpu.kind in gpu_kinds()
    if gpu is not None and not known:
        yield _explain_unknown_gpu(gpu.kind)
    if name is None:
        return
    if _TPU.match(name):
        yield f"resources.machine: {name} has TPUs, which firelib does not train on: choose a machine with GPUs"
    elif not _MACHINE_TYPE.fullmatch(name):
        yield f"resources.machine: expected a machine type such as g2-standard-8, got {name!r}"
    elif machine := machines().get(name):
        yield from _validate_size(machine, resources)
        yield from _validate_provisioning(machine, resolve_gpu(resources), provisioning)
        if known:
            yield from _validate_gpu(name, gpu)
    if known:
        yield from _validate_region(resolve_gpu(resources), region)


def _explain_unknown_gpu(kind: str) -> str:
    if _TPU.match(kind):
        return f"resources.gpu.kind: {kind} is a TPU, which firelib does not train on: choose a GPU"
    return f"resources.gpu.kind: unknown GPU {kind!r}: {did_you_mean(kind, gpu_kinds())}"


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
    offered = gpu_kinds()[gpu.kind].regions if gpu is not None else ()
    if gpu is not None and region is not None and offered and region not in offered:
        regions = ", ".join(offered)
        yield f"target.region: {gpu.kind} is not available in {region!r}; regions that offer it: {regions}"
