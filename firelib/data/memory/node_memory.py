"""Memory that the nodes of Ray offer to tasks, and its reservation with Ray's resource `memory`.

Ray only starts as many tasks at the same time as the reservations allow. So a small limit costs time: fewer tasks run
at once, and only data whose rows alone exceed the memory of a worker are refused.
"""

import ray

from firelib.console import note
from firelib.data.memory.task_memory import LEAST_COPIES, TaskMemory, fit_partition, suggest_less_memory
from firelib.errors import FirelibError

_MIB = 2**20


def choose_partition(need: TaskMemory) -> int:
    """The size of partitions that fits the node with the least memory for each core (`fit_partition`).

    Args:
        need: Memory of a task with partitions of the size that is asked for.
    """
    nodes = _list_resources()
    if not nodes:
        return int(need.value)
    tightest = min(nodes, key=lambda node: node["memory"] / node["CPU"])
    return fit_partition(need, int(tightest["memory"]), int(tightest["CPU"]))


def reserve_memory(need: TaskMemory, label: str) -> dict[str, float]:
    """What each task reserves, so that no more of them run at the same time than there is memory for.

    Args:
        need: Memory of the largest task.
        label: Name of the work, for notes and errors.

    Returns:
        Options for Ray's tasks.

    Raises:
        FirelibError: No node has memory for the rows of a task.
    """
    nodes = _list_resources()
    largest = largest_node_memory()
    if largest is None:
        return {}
    if need.least_bytes > largest:
        raise FirelibError(
            f"{label}: {need.describe()}, and the largest node has {largest / _MIB:,.0f} MiB for tasks",
            where=f"memory of Ray's workers; params.yaml: {need.parameter} = {need.value}",
            remedy=suggest_less_memory(need, largest),
        )
    reserved = min(need.nbytes, largest)
    at_once = sum(min(node["CPU"], node["memory"] // reserved) for node in nodes)
    cores = sum(node["CPU"] for node in nodes)
    if at_once < cores:
        note(f"{label}: memory for {max(at_once, 1):.0f} of {cores:.0f} tasks at the same time; {need.describe()}")
    return {"memory": reserved}


def largest_node_memory() -> int | None:
    """Memory for tasks of the node that has most of it, in bytes; None if Ray was started without this resource."""
    return max((int(node["memory"]) for node in _list_resources()), default=None)


def most_rows_bytes() -> int | None:
    """Size of the rows, in bytes, from which no worker can hold them; None if the memory of workers is unknown."""
    memory = largest_node_memory()
    return None if memory is None else memory // LEAST_COPIES


def _list_resources() -> list[dict[str, float]]:
    """The resources of each node that offers memory and a core to a task: a head of a cluster may have no core."""
    resources = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return [each for each in resources if "memory" in each and each.get("CPU", 0) >= 1]
