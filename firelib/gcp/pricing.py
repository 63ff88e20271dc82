"""Hourly price and quota use of machines, estimated from the dated catalog."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from firelib.gcp.machine_catalog import read_catalog
from firelib.gcp.machine_types import Gpu, Machine, Provisioning, find_machine, gpu_kinds

Service = Literal["compute", "training"]

_TRAINING = "aiplatform.googleapis.com/"


@dataclass(frozen=True)
class Price:
    """Estimated price of all machines together.

    Attributes:
        hourly: US dollars an hour in the cheapest region; for Spot, an upper bound from Google's guaranteed discount.
        as_of: Date of the price list.
        source: Origin of the figures.
    """

    hourly: float
    as_of: str
    source: str

    def __str__(self) -> str:
        return f"about ${self.hourly:.2f} an hour (list of {self.as_of})"


def price(
    machine_type: str | None,
    gpu: Gpu | None = None,
    provisioning: Provisioning = "on-demand",
    count: int = 1,
    service: Service = "compute",
) -> Price | None:
    """Estimate the hourly price of machines.

    Args:
        machine_type: Google's name; None for machines that are not rented.
        gpu: GPUs attached to each machine; built-in GPUs are part of the machine's price.
        provisioning: How the machines are rented.
        count: Number of machines.
        service: `training` adds Vertex AI's fee.

    Returns:
        The estimate, or None where nothing is rented.

    Raises:
        FirelibError: The catalog does not list the machine type.

    Example:
        >>> price("g2-standard-8", provisioning="spot", count=2).hourly
        0.683
    """
    if machine_type is None:
        return None
    catalog = read_catalog()
    fee = float(catalog["training_fee"]) if service == "training" else 1.0
    share = float(catalog["spot_share"]) if provisioning == "spot" else 1.0
    hourly = _on_demand(find_machine(machine_type), gpu) * share * fee * count
    return Price(round(hourly, 3), str(catalog["as_of"]), catalog["source"])


def _on_demand(machine: Machine, gpu: Gpu | None) -> float:
    attached = gpu_kinds()[gpu.kind].price * gpu.count if gpu is not None and machine.gpu is None else 0.0
    return machine.price + attached


def quotas(
    machine_type: str | None, gpu: Gpu | None, provisioning: Provisioning, count: int, service: Service
) -> Mapping[str, int]:
    """Compute the regional quota that machines use.

    Args:
        machine_type: Google's name; None for machines that are not rented.
        gpu: GPUs attached to each machine; None means the machine's built-in GPUs, if any.
        provisioning: How the machines are rented.
        count: Number of machines.
        service: `compute` for Compute Engine, `training` for Vertex AI custom training. Their quotas are separate.

    Returns:
        Quota metric → amount needed; empty where nothing is rented.

    Raises:
        FirelibError: The catalog does not list the machine type.
    """
    if machine_type is None:
        return {}
    machine = find_machine(machine_type)
    gpu = gpu or machine.gpu
    needed: dict[str, int] = {}
    cores = read_catalog()["families"][machine.family][f"{service}_quota"]
    if cores:
        needed[_metric(cores, service, provisioning)] = machine.vcpus * count
    if gpu is not None:
        needed[_metric(_gpu_metric(gpu.kind, service), service, provisioning)] = gpu.count * count
        if service == "compute":
            needed["GPUS_ALL_REGIONS"] = gpu.count * count
    return needed


def _gpu_metric(kind: str, service: Service) -> str:
    gpu = gpu_kinds()[kind]
    return gpu.compute_quota if service == "compute" else f"custom_model_training_{gpu.training_quota}"


def _metric(name: str, service: Service, provisioning: Provisioning) -> str:
    preemptible = provisioning != "on-demand"
    if service == "training":
        prefix = "custom_model_training_"
        return _TRAINING + (name.replace(prefix, f"{prefix}preemptible_", 1) if preemptible else name)
    # Compute Engine has one preemptible quota for the cores of all families, but one for each kind of GPU.
    if preemptible:
        return f"PREEMPTIBLE_{name}" if name.endswith("_GPUS") else "PREEMPTIBLE_CPUS"
    return name
