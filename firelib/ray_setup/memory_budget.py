"""The memory budget of embedded Ray: how much its object store and its workers may use.

Ray's own defaults follow the memory of the machine. Ray sees the limit of a container, but not that of a cgroup below
the root, such as a Slurm job's: there, it would let the object store alone grow past the limit.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

import psutil

from firelib import machine
from firelib.console import note

_SHM = Path("/dev/shm")  # noqa: S108  the mount point itself, not a temporary file
_SHM_SHARE = 0.95  # Ray's own margin: https://github.com/ray-project/ray/pull/23034
_MIB, _GIB = 2**20, 2**30
_SYSTEM_BYTES = 704 * _MIB  # this process, the GCS, the raylet, its agents, and workers that spill or are idle
_STORE_SHARE = 0.15  # of the rest: rows go through files, so the store holds small tables and results of tasks
_LEAST_STORE, _MOST_STORE = 80 * _MIB, 16 * _GIB  # Ray refuses less than 75 MiB
_LEAST_WORKER = 256 * _MIB  # Python, Ray, pandas and Arrow take about half of it before a worker holds any row


@dataclass(frozen=True)
class MemoryBudget:
    """Shares of the memory that embedded Ray may use, in bytes.

    Attributes:
        limit: What all its processes may use together.
        object_store: Size of the object store; beyond it, Ray spills objects to the disk.
        workers: Number of workers that have enough memory at the same time: one for each core, or fewer.
        worker_bytes: Memory of each of these workers.
    """

    limit: int
    object_store: int
    workers: int
    worker_bytes: int

    @property
    def tasks_bytes(self) -> int:
        """Memory of all workers together: Ray's resource `memory`, of which each task reserves what it needs."""
        return self.workers * self.worker_bytes

    def __str__(self) -> str:
        workers = "1 worker" if self.workers == 1 else f"{self.workers} workers"
        return (
            f"{self.limit / _GIB:.1f} GiB: {workers} with {self.worker_bytes / _MIB:,.0f} MiB each, "
            f"{self.object_store / _MIB:,.0f} MiB for Ray's objects"
        )


def plan_memory(limit: int, total: int, cores: int, shared: int | None = None) -> MemoryBudget:
    """Divide memory between the object store and the workers.

    Args:
        limit: Limit of the container or cgroup, in bytes; without one, any number from `total` up.
        total: Memory of the machine, in bytes.
        cores: Number of cores that Ray may use.
        shared: Free bytes of shared memory; None without any, where Ray keeps its objects in files.

    Example:
        >>> print(plan_memory(limit=4 * 2**30, total=24 * 2**30, cores=2))
        4.0 GiB: 2 workers with 1,442 MiB each, 509 MiB for Ray's objects
    """
    usable = min(limit, total)
    store = min(int((usable - _SYSTEM_BYTES) * _STORE_SHARE), _MOST_STORE)
    if shared is not None and shared >= _LEAST_STORE / _SHM_SHARE:
        store = min(store, int(shared * _SHM_SHARE))
    store = max(store, _LEAST_STORE)
    rest = max(usable - _SYSTEM_BYTES - store, _LEAST_WORKER)
    workers = max(1, min(cores, rest // _LEAST_WORKER))
    return MemoryBudget(usable, store, workers, rest // workers)


def measure_budget(num_cpus: int | None = None) -> MemoryBudget:
    """The budget on this machine.

    Args:
        num_cpus: Number of cores that Ray may use; None is all that this process may use.
    """
    total, cores = psutil.virtual_memory().total, num_cpus or machine.usable_cores()
    return plan_memory(machine.memory_limit(), total, cores, free_shared_memory(_SHM))


def report_budget(budget: MemoryBudget) -> None:
    """Say what is smaller than usual: the limit of a container or cgroup, workers, shared memory.

    Args:
        budget: The budget of this machine.
    """
    if budget.limit < psutil.virtual_memory().total:
        note(f"memory limit: {budget}")
    free = free_shared_memory(_SHM)
    if free is not None and free < budget.object_store:
        note(f"only {free / _GIB:.2f} GiB are free in {_SHM}: Ray uses slower files in /tmp (docker run --shm-size=4g)")


def free_shared_memory(folder: Path) -> int | None:
    """Free bytes of shared memory; None if the folder does not exist."""
    return shutil.disk_usage(folder).free if folder.is_dir() else None
