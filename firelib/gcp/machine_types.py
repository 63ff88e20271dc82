"""Machine types and GPUs of Google Cloud as typed records, read from the dated catalog."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as checked_dataclass

from firelib.gcp.machine_catalog import parse_family, read_catalog

#: How a machine is rented.
Provisioning = Literal["on-demand", "spot", "flex-start"]


@checked_dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Gpu:
    """GPUs of one machine.

    Attributes:
        kind: The catalog's name: `t4`, `l4`, `a100`, …
        count: Number of GPUs.
    """

    kind: Annotated[str, Field(min_length=1)]
    count: Annotated[int, Field(ge=1)] = 1


@dataclass(frozen=True)
class Machine:
    """A machine type.

    Attributes:
        name: Google's name.
        vcpus: Virtual cores.
        memory_gib: Memory in GiB.
        price: Estimated on-demand price, US dollars an hour; None if it is not known.
        gpu: Built-in GPUs, or None.
        rented_on_demand: Whether on-demand provisioning exists; otherwise only Spot and Flex-start do.
    """

    name: str
    vcpus: int
    memory_gib: float
    price: float | None
    gpu: Gpu | None = None
    rented_on_demand: bool = True

    @property
    def family(self) -> str:
        """The machine family, such as `n1`."""
        return parse_family(self.name)


@dataclass(frozen=True)
class GpuKind:
    """A kind of GPU.

    Attributes:
        name: The catalog's name: `t4`, `l4`, …
        accelerator: Google's name in requests.
        compute_quota: Quota metric of Compute Engine.
        training_quota: Suffix of the quota metric of Vertex AI custom training.
        regions: Regions that offer it; empty if they are not known.
        attach: Machine families that it can be attached to; empty if it only comes built into machines.
        counts: Attachable count → most vCPUs and most GiB of memory that the machine may have.
        price: Estimated price of one attached GPU, US dollars an hour.
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
    """All machine types, by name."""
    return {name: _parse_machine(name, row) for name, row in read_catalog()["machines"].items()}


def _parse_machine(name: str, row: list[Any]) -> Machine:
    vcpus, memory, price, *gpu = row
    on_demand = name not in read_catalog()["never_on_demand"]
    return Machine(name, vcpus, memory, price, Gpu(*gpu) if gpu else None, on_demand)


@cache
def gpu_kinds() -> Mapping[str, GpuKind]:
    """All kinds of GPU, by name."""
    return {name: _parse_gpu_kind(name, dict(row)) for name, row in read_catalog()["gpus"].items()}


def _parse_gpu_kind(name: str, row: dict[str, Any]) -> GpuKind:
    counts = {count: (vcpus, memory) for count, (vcpus, memory) in row.pop("counts", {}).items()}
    regions, attach = tuple(row.pop("regions")), tuple(row.pop("attach", ()))
    return GpuKind(name, regions=regions, attach=attach, counts=counts, **row)
