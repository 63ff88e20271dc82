"""Whether a machine type can be had with these GPUs, in this region, in this way."""

from collections.abc import Iterator

from firelib.errors import did_you_mean
from firelib.gcp.machine_catalog import wrong_gpu
from firelib.gcp.machine_types import Machine, gpu_kinds, gpus_of, machines
from firelib.launch.job_spec import Gpu, Resources


def misfits(resources: Resources, region: str | None = None, buying: str = "on-demand") -> Iterator[str]:
    """Why a machine type cannot be had like this: every reason, none if it can.

    Args:
        resources: Machine type, GPUs, and how many cores and how much memory they should have.
        region: Where; None leaves that out.
        buying: `on-demand`, `spot` or `flex-start`.
    """
    name, gpu = resources.machine, resources.gpu
    unknown = gpu is not None and gpu.kind not in gpu_kinds()
    if gpu is not None and unknown:
        yield f"resources.gpu.kind: there is no {gpu.kind!r}: {did_you_mean(gpu.kind, gpu_kinds())}"
    if name is None:
        return
    if name not in machines():
        yield f"resources.machine: there is no {name!r}: {did_you_mean(name, machines())}"
        return
    yield from _too_small(machines()[name], resources)
    yield from _not_so(machines()[name], gpus_of(resources), buying)
    if not unknown:
        yield from _wrong_gpu(name, gpu)
        yield from _not_there(gpus_of(resources), region)


def _too_small(kind: Machine, resources: Resources) -> Iterator[str]:
    for name, wanted, has in (
        ("cpus", resources.cpus, kind.vcpus),
        ("memory_gib", resources.memory_gib, kind.memory_gib),
    ):
        if wanted is not None and wanted > has:
            yield f"resources.{name}: {wanted:g} is more than {kind.name} has ({has:g})"


def _not_so(kind: Machine, gpu: Gpu | None, buying: str) -> Iterator[str]:
    if buying == "on-demand" and not kind.rented_on_demand:
        yield f"replicas.buying: {kind.name} is rented as spot or flex-start only, got {buying!r}"
    if buying == "flex-start" and gpu is None:
        yield f"replicas.buying: flex-start is for machines with GPUs, {kind.name} has none"


def _wrong_gpu(machine_type: str, gpu: Gpu | None) -> Iterator[str]:
    problem = gpu and wrong_gpu(machine_type, gpu.kind, gpu.count)
    if problem:
        yield f"resources.gpu: {problem}"


def _not_there(gpu: Gpu | None, region: str | None) -> Iterator[str]:
    if gpu is not None and region is not None and region not in gpu_kinds()[gpu.kind].regions:
        yield f"target.region: {region!r} has no {gpu.kind}; these have: {', '.join(gpu_kinds()[gpu.kind].regions)}"
