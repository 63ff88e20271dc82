"""Machine types of Google Cloud: what they hold, which GPUs they can take and where, from a dated table."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from firelib.errors import FirelibError, did_you_mean
from firelib.gcp.machine_catalog import TABLE, family, table
from firelib.launch.job_spec import Gpu, Resources


@dataclass(frozen=True)
class Machine:
    """A machine type.

    Attributes:
        name: Google's name.
        vcpus: Virtual cores.
        memory_gib: Memory.
        price: US dollars an hour on demand, an estimate.
        gpu: GPUs that come with it, or None.
        rented_on_demand: Whether it can be had other than as Spot or Flex-start.
    """

    name: str
    vcpus: int
    memory_gib: float
    price: float
    gpu: Gpu | None = None
    rented_on_demand: bool = True

    @property
    def family(self) -> str:
        return family(self.name)


@dataclass(frozen=True)
class GpuKind:
    """A kind of GPU.

    Attributes:
        name: Ours: `t4`, `l4`, …
        accelerator: Google's, in requests.
        compute_quota: Metric of Compute Engine.
        training_quota: The end of the metric of Vertex AI's custom training.
        regions: Where it is offered.
        attach: Machine families that can be given it; empty where it comes with its machines.
        counts: How many can be attached → most vCPUs and GiB of memory of the machine.
        price: US dollars an hour of an attached one, an estimate.
    """

    name: str
    accelerator: str
    compute_quota: str
    training_quota: str
    regions: tuple[str, ...]
    attach: tuple[str, ...] = ()
    counts: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    price: float = 0.0


@cache
def machines() -> Mapping[str, Machine]:
    """Name → machine type."""
    return {name: _machine(name, row) for name, row in table()["machines"].items()}


def _machine(name: str, row: list[Any]) -> Machine:
    vcpus, memory, price, *gpu = row
    return Machine(name, vcpus, memory, price, Gpu(*gpu) if gpu else None, name not in table()["never_on_demand"])


@cache
def gpu_kinds() -> Mapping[str, GpuKind]:
    """Name → kind of GPU."""
    return {name: _kind(name, dict(row)) for name, row in table()["gpus"].items()}


def _kind(name: str, row: dict[str, Any]) -> GpuKind:
    counts = {count: (vcpus, memory) for count, (vcpus, memory) in row.pop("counts", {}).items()}
    regions, attach = tuple(row.pop("regions")), tuple(row.pop("attach", ()))
    return GpuKind(name, regions=regions, attach=attach, counts=counts, **row)


def machine(name: str) -> Machine:
    """The machine type of this name.

    Raises:
        FirelibError: The table does not hold it.
    """
    if name not in machines():
        raise FirelibError(
            f"there is no machine type {name!r} in the table of {table()['as_of']}",
            where=TABLE.name,
            remedy=did_you_mean(name, machines()),
        )
    return machines()[name]


def gpus_of(resources: Resources) -> Gpu | None:
    """GPUs of a replica: those that are asked for, else those that come with its machine."""
    if resources.gpu is not None or resources.machine is None:
        return resources.gpu
    return machine(resources.machine).gpu
