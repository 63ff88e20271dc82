"""What a job's machines cost an hour, and which quotas they count against. Estimates from the dated table."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from firelib.gcp.machine_catalog import table
from firelib.gcp.machine_types import gpu_kinds, gpus_of, machine
from firelib.launch.job_spec import Buying, Replicas, Resources

Service = Literal["compute", "training"]

_TRAINING = "aiplatform.googleapis.com/"


@dataclass(frozen=True)
class Price:
    """US dollars an hour for all replicas.

    Attributes:
        hourly: The estimate, in the cheapest region; for Spot, the most that Google's promised discount leaves.
        as_of: Date of the price list.
        source: What the figures are.
    """

    hourly: float
    as_of: str
    source: str

    def __str__(self) -> str:
        return f"about ${self.hourly:.2f} an hour (list of {self.as_of})"


def price(resources: Resources, replicas: Replicas, service: Service = "compute") -> Price | None:
    """What the machines of a job cost; None where they are not rented."""
    if resources.machine is None:
        return None
    fee = float(table()["training_fee"]) if service == "training" else 1.0
    one = _on_demand(resources) * _share(replicas.buying) * fee
    return Price(round(one * replicas.count, 3), str(table()["as_of"]), table()["source"])


def _on_demand(resources: Resources) -> float:
    assert resources.machine is not None, "only rented machines have a price"
    kind, gpu = machine(resources.machine), resources.gpu
    attached = gpu_kinds()[gpu.kind].price * gpu.count if gpu is not None and kind.gpu is None else 0.0
    return kind.price + attached


def _share(buying: Buying) -> float:
    return float(table()["spot_share"]) if buying == "spot" else 1.0


def quotas(resources: Resources, replicas: Replicas, service: Service) -> Mapping[str, int]:
    """Metric → how much of it the job needs, in the region.

    Args:
        resources: What each replica gets.
        replicas: How many, and how they are bought.
        service: `compute` for machines of our own (Compute Engine), `training` for Vertex AI's custom training:
            the two count apart.
    """
    if resources.machine is None:
        return {}
    kind, gpu = machine(resources.machine), gpus_of(resources)
    needed: dict[str, int] = {}
    cores = table()["families"][kind.family][f"{service}_quota"]
    if cores:
        needed[_metric(cores, service, replicas.buying)] = kind.vcpus * replicas.count
    if gpu is not None:
        needed[_metric(_gpu_quota(gpu.kind, service), service, replicas.buying)] = gpu.count * replicas.count
        if service == "compute":
            needed["GPUS_ALL_REGIONS"] = gpu.count * replicas.count
    return needed


def _gpu_quota(kind: str, service: Service) -> str:
    gpu = gpu_kinds()[kind]
    return gpu.compute_quota if service == "compute" else f"custom_model_training_{gpu.training_quota}"


def _metric(name: str, service: Service, buying: Buying) -> str:
    preemptible = buying != "on-demand"
    if service == "training":
        start = "custom_model_training_"
        return _TRAINING + (name.replace(start, f"{start}preemptible_", 1) if preemptible else name)
    # Spot cores have one quota for all families; its GPUs one a kind.
    if preemptible:
        return f"PREEMPTIBLE_{name}" if name.endswith("_GPUS") else "PREEMPTIBLE_CPUS"
    return name
