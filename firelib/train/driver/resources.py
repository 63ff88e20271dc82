"""Resources of each training worker, and how many workers fit on some nodes. Pure computation: nothing asks Ray."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from firelib.config import Train
from firelib.console import note
from firelib.errors import FirelibError

_ROUNDING = 1e-9  # Ray counts in 1/10,000 of a resource, and reports floats


@dataclass(frozen=True)
class WorkerResources:
    """Resources that one worker takes on its node.

    Attributes:
        cpus: Cores.
        gpus: 0 or 1, since the training loop feeds one device per worker. Two GPUs mean two workers.
    """

    cpus: float
    gpus: int = 0

    @property
    def by_name(self) -> dict[str, float]:
        """Amounts under Ray's resource names."""
        return {"CPU": self.cpus, **({"GPU": float(self.gpus)} if self.gpus else {})}

    def __str__(self) -> str:
        cpus = f"{self.cpus:g} CPU" if self.cpus == 1 else f"{self.cpus:g} CPUs"
        return f"{cpus} and {self.gpus} GPU" if self.gpus else cpus


@dataclass(frozen=True)
class Node:
    """A node of the Ray cluster. Resources are under Ray's names.

    Attributes:
        total: All resources of the node.
        free: Resources that nothing uses at the moment.
        is_reachable: Whether its raylet answers. Ray lists a lost node for up to a minute.
    """

    total: Mapping[str, float]
    free: Mapping[str, float]
    is_reachable: bool = True


def count_slots(nodes: Sequence[Mapping[str, float]], resources: WorkerResources) -> int:
    """Count worker slots: how many workers fit, each of them on one node.

    Args:
        nodes: Resources of each node, under Ray's names.
        resources: Resources of one worker.
    """
    return sum(
        min(int(node.get(name, 0.0) / amount + _ROUNDING) for name, amount in resources.by_name.items())
        for node in nodes
    )


def uses_gpus(nodes: Sequence[Node], settings: Train) -> bool:
    """Whether each worker takes a GPU.

    Args:
        nodes: All nodes of the cluster; used resources count too.
        settings: Section `train`; `device`, `workers` and `cpus_per_worker` decide.
    """
    slots = count_slots([node.total for node in nodes], WorkerResources(settings.cpus_per_worker, gpus=1))
    return settings.device == "gpu" or (settings.device == "auto" and slots >= settings.workers)


def choose_resources(nodes: Sequence[Node], settings: Train) -> WorkerResources:
    """Choose the resources of each worker: a GPU if the cluster has one per worker, otherwise cores only.

    Args:
        nodes: All nodes of the cluster; used resources count too.
        settings: Section `train`; `device`, `workers` and `cpus_per_worker` decide.

    Raises:
        FirelibError: The workers would not fit even if nothing else used the cluster.
    """
    totals = [node.total for node in nodes]
    on_cpu, on_gpus = WorkerResources(settings.cpus_per_worker), uses_gpus(nodes, settings)
    gpus = sum(node.get("GPU", 0.0) for node in totals)
    if settings.device == "auto" and gpus and not on_gpus:
        note(
            f"training on CPUs: the Ray cluster has {gpus:g} GPUs, fewer than one for each of {settings.workers} "
            f"workers with {on_cpu} (reduce train.workers to use them, or set train.device: cpu)"
        )
    resources = replace(on_cpu, gpus=1) if on_gpus else on_cpu
    if count_slots(totals, resources) < settings.workers:
        raise _too_small(totals, resources, settings.workers)
    return resources


def _too_small(totals: Sequence[Mapping[str, float]], resources: WorkerResources, workers: int) -> FirelibError:
    available = " and ".join(f"{sum(node.get(name, 0.0) for node in totals):g} {name}s" for name in resources.by_name)
    return FirelibError(
        f"{workers} workers with {resources} each do not fit on this Ray cluster of {available}: "
        f"it has {count_slots(totals, resources)} worker slots",
        where="params.yaml: train.workers",
        remedy="reduce the workers (WORKERS=, FIRELIB_WORKERS) or train.cpus_per_worker, "
        + ("set train.device: cpu, " if resources.gpus else "")
        + "or add nodes to the cluster",
    )
