"""Memory that the stages need on a machine, and how many tasks and workers fit into it."""

from firelib.config import PARTITION_BYTES
from firelib.gcp.machine_types import Machine
from firelib.launch.client.capacity.model.workload import Fleet, Workload
from firelib.launch.worker_count import CORE_SHARE, WORKER_GIB
from firelib.ray_setup.memory_budget import plan_memory

_GIB = 2**30
_TASK_GIB = (128 * 2**20 + 8 * PARTITION_BYTES) / _GIB  # as `firelib.data.memory.task_memory` estimates a task
_OPTIMIZER_COPIES = 4  # weights, gradients, and two moments of Adam


def fit_tasks(machine: Machine) -> int:
    """Tasks of the transform that a machine runs at the same time, at most one for each core.

    Args:
        machine: The machine type.
    """
    nbytes = int(machine.memory_gib * _GIB)
    budget = plan_memory(nbytes, nbytes, machine.vcpus)
    return max(1, min(machine.vcpus, int(budget.tasks_bytes / (_TASK_GIB * _GIB))))


def fit_workers(machine: Machine, workload: Workload, weights_bytes: float) -> int:
    """Training workers that a machine has cores and memory for; 0 if not even one fits.

    Args:
        machine: The machine type.
        workload: Names the cores of a worker.
        weights_bytes: Bytes of the model's weights.
    """
    cores = machine.vcpus * CORE_SHARE / workload.cpus_per_worker
    memory = machine.memory_gib * CORE_SHARE / worker_gib(weights_bytes)
    return int(min(max(cores, 1.0 if machine.vcpus >= workload.cpus_per_worker else 0.0), memory))


def worker_gib(weights_bytes: float) -> float:
    """GiB of a training worker: TensorFlow, and the weights with what the optimizer keeps of them.

    Args:
        weights_bytes: Bytes of the model's weights.
    """
    return WORKER_GIB + _OPTIMIZER_COPIES * weights_bytes / _GIB


def needed_gib(fleet: Fleet, workers_per_machine: int, weights_bytes: float) -> float:
    """GiB that the larger of transform and train needs on each machine.

    Args:
        fleet: The machines.
        workers_per_machine: Training workers of a machine.
        weights_bytes: Bytes of the model's weights.
    """
    transform = fit_tasks(fleet.machine) * _TASK_GIB
    return 0.7 + max(transform, workers_per_machine * worker_gib(weights_bytes))  # 0.7: Ray, see `memory_budget`
