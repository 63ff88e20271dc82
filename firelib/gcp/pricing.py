"""Hourly price and quota use of machines, estimated from the dated catalog."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from firelib.gcp.machine_catalog import read_catalog
from firelib.gcp.machine_types import Gpu, GpuKind, Machine, Provisioning, gpu_kinds, machines
from firelib.gcp.quota_metrics import ALL_GPUS, cpu_metrics, gpu_metrics

Service = Literal["compute", "training"]

_TRAINING = "aiplatform.googleapis.com/"
_CUSTOM_TRAINING = "custom_model_training_"

#: Quota metric of custom training for the GB of all boot disks (SSD).
TRAINING_DISK_QUOTA = f"{_TRAINING}{read_catalog()['training']['disk_quota']}"


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

    @property
    def highest_hourly(self) -> float:
        """US dollars an hour in the dearest region."""
        return self.hourly * float(read_catalog()["dearest_region"])

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
        The estimate; None where nothing is rented, or the price is not known.

    Example:
        >>> price("g2-standard-8", provisioning="spot", count=2).hourly
        0.683
    """
    machine = machines().get(machine_type or "")
    if machine is None or machine.price is None:
        return None
    catalog = read_catalog()
    fee = float(catalog["training_fee"]) if service == "training" else 1.0
    share = float(catalog["spot_share"]) if provisioning == "spot" else 1.0
    attached = gpu_kinds()[gpu.kind].price * gpu.count if gpu is not None and machine.gpu is None else 0.0
    hourly = (machine.price + attached) * share * fee * count
    return Price(round(hourly, 3), str(catalog["as_of"]), catalog["source"])


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
        Quota metric → amount needed; empty where nothing is rented, or the machine type is not known.
    """
    machine = machines().get(machine_type or "")
    if machine is None:
        return {}
    gpu = gpu or machine.gpu
    spot = provisioning != "on-demand"
    needed: dict[str, int] = {}
    if cores := _cpu_metric(machine, service, spot):
        needed[cores] = machine.vcpus * count
    if gpu is not None:
        needed[_gpu_metric(gpu_kinds()[gpu.kind], service, spot)] = gpu.count * count
        if service == "compute":
            needed[str(ALL_GPUS)] = gpu.count * count
    return needed


def _cpu_metric(machine: Machine, service: Service, spot: bool) -> str | None:
    """The quota of a machine's cores; None where only its GPUs count."""
    if service == "compute":
        return next(map(str, cpu_metrics(machine.name, spot)), None)
    quota = read_catalog()["families"][machine.family]["training_quota"]
    return quota and _training_metric(quota, spot)


def _gpu_metric(gpu: GpuKind, service: Service, spot: bool) -> str:
    if service == "compute":
        return str(gpu_metrics(gpu.accelerator.lower().replace("_", "-"), spot)[0])
    return _training_metric(f"{_CUSTOM_TRAINING}{gpu.training_quota}", spot)


def _training_metric(name: str, spot: bool) -> str:
    return _TRAINING + (name.replace(_CUSTOM_TRAINING, f"{_CUSTOM_TRAINING}preemptible_", 1) if spot else name)
