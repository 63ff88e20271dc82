"""What each training worker takes, and how many of them fit on some nodes. No Ray is asked here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from firelib.config import Train
from firelib.console import note
from firelib.errors import FirelibError

_ROUNDING = 1e-9  # Ray counts in parts of 10,000, as floats


@dataclass(frozen=True)
class Share:
    """What one worker takes of its node.

    Attributes:
        cpus: Cores.
        gpus: 0 or 1. Two GPUs are two workers: the loop feeds one device a worker.
    """

    cpus: float
    gpus: int = 0

    @property
    def named(self) -> dict[str, float]:
        """By Ray's names of resources."""
        return {"CPU": self.cpus, **({"GPU": float(self.gpus)} if self.gpus else {})}

    def __str__(self) -> str:
        cpus = f"{self.cpus:g} CPU" if self.cpus == 1 else f"{self.cpus:g} CPUs"
        return f"{cpus} and {self.gpus} GPU" if self.gpus else cpus


@dataclass(frozen=True)
class Node:
    """A node of the cluster, by Ray's names of resources.

    Attributes:
        total: What it has.
        free: What of that nobody uses now.
        answers: Whether it answers; Ray counts a lost node for up to a minute more.
    """

    total: Mapping[str, float]
    free: Mapping[str, float]
    answers: bool = True


def places(nodes: Sequence[Mapping[str, float]], share: Share) -> int:
    """How many workers fit; each has to fit on one node as a whole."""
    return sum(
        min(int(node.get(name, 0.0) / amount + _ROUNDING) for name, amount in share.named.items()) for node in nodes
    )


def share_of(nodes: Sequence[Node], settings: Train) -> Share:
    """What each worker takes: a GPU if the cluster has one for every worker, else cores only.

    Args:
        nodes: Of the whole cluster, used or not.
        settings: `device`, `workers` and `cpus_per_worker` decide.

    Raises:
        FirelibError: The cluster is too small for that, also when nobody else uses it.
    """
    totals = [node.total for node in nodes]
    on_gpu, on_cpu = Share(settings.cpus_per_worker, gpus=1), Share(settings.cpus_per_worker)
    fits_gpus = places(totals, on_gpu) >= settings.workers
    gpus = sum(node.get("GPU", 0.0) for node in totals)
    if settings.device == "auto" and gpus and not fits_gpus:
        note(
            f"this Ray has {gpus:g} GPUs, not one for each of {settings.workers} workers with {on_cpu}: "
            f"training on CPUs (fewer train.workers would use them; train.device: cpu says so)"
        )
    share = on_gpu if settings.device == "gpu" or (settings.device == "auto" and fits_gpus) else on_cpu
    if places(totals, share) < settings.workers:
        raise _too_small(totals, share, settings.workers)
    return share


def _too_small(totals: Sequence[Mapping[str, float]], share: Share, workers: int) -> FirelibError:
    has = " and ".join(f"{sum(node.get(name, 0.0) for node in totals):g} {name}s" for name in share.named)
    return FirelibError(
        f"training on {workers} workers needs {share} for each, this Ray has {has}: {places(totals, share)} fit",
        where="params.yaml: train.workers",
        remedy="fewer workers (WORKERS=, FIRELIB_WORKERS), smaller train.cpus_per_worker, "
        + ("train.device: cpu, " if share.gpus else "")
        + "or a larger cluster",
    )
