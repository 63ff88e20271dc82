"""What pods can request on a node of Google Kubernetes Engine: its machine without what the system needs. Pure.

https://cloud.google.com/kubernetes-engine/docs/concepts/plan-node-sizes
"""

from collections.abc import Iterator, Sequence
from math import inf

from firelib.gcp.machine_types import machines
from firelib.launch.job_spec import Resources

# Size of a step → share of it that GKE reserves, from the first GiB or core on.
_MEMORY_STEPS = ((4, 0.25), (4, 0.20), (8, 0.10), (112, 0.06), (inf, 0.02))
_CPU_STEPS = ((1, 0.06), (1, 0.01), (2, 0.005), (inf, 0.0025))
_EVICTION_GIB = 100 / 1024
# The daemons of each node (networking, logs, metrics, volumes) are pods with requests of their own.
_DAEMON_CPUS, _DAEMON_GIB = 0.5, 0.75


def allocatable_cpus(vcpus: float) -> float:
    """Return the cores that GKE leaves to all pods of a node."""
    return vcpus - _reserve(vcpus, _CPU_STEPS)


def allocatable_gib(memory_gib: float) -> float:
    """Return the memory in GiB that GKE leaves to all pods of a node."""
    return memory_gib - _reserve(memory_gib, _MEMORY_STEPS) - _EVICTION_GIB


def largest_pod(machine: str) -> tuple[float, float]:
    """Return the cores and the GiB of memory that one pod of a job can request on a machine type of the catalog.

    Args:
        machine: The machine type.
    """
    found = machines()[machine]
    return allocatable_cpus(found.vcpus) - _DAEMON_CPUS, allocatable_gib(found.memory_gib) - _DAEMON_GIB


def find_size_problems(resources: Resources) -> Iterator[str]:
    """Yield the requests that no node of the machine type can meet; such a pod would wait without end."""
    if resources.machine is None or resources.machine not in machines():
        return
    cpus, memory_gib = largest_pod(resources.machine)
    for name, wanted, available in (("cpus", resources.cpus, cpus), ("memory_gib", resources.memory_gib, memory_gib)):
        if wanted is not None and wanted > available:
            yield (
                f"resources.{name}: a pod on {resources.machine} can request at most {available:.1f} "
                f"(GKE keeps the rest for the node), got {wanted:g}"
            )


def _reserve(amount: float, steps: Sequence[tuple[float, float]]) -> float:
    reserved = 0.0
    for size, share in steps:
        part = min(amount, size)
        reserved += part * share
        amount -= part
    return reserved
