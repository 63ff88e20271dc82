"""What Ray did: its nodes, and the tasks that its workers ran."""

import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_TASK = "task::"
_MOST_TASKS = 300
_MOST_TOTALS = 40
_HASH = re.compile(r"[-_]?[0-9a-f]{16,}|[-_]?[0-9a-f]{8}-[0-9a-f-]{27}")
_ODD = re.compile(r"[^\w.:<>-]+")


@dataclass(frozen=True)
class Node:
    """A node of Ray.

    Attributes:
        address: Its address.
        is_head: Whether it is the head.
        cpus: CPUs that Ray may use.
        gpus: GPUs that Ray may use.
        memory_gib: Memory for tasks, in GiB.
        object_store_gib: Memory of the object store, in GiB.
    """

    address: str
    is_head: bool
    cpus: float
    gpus: float
    memory_gib: float
    object_store_gib: float


@dataclass(frozen=True)
class Task:
    """A task.

    Attributes:
        name: Name of the function or method.
        node: Address of the node.
        worker: The worker process, shortened.
        start: Seconds since the beginning of the stage.
        seconds: How long it ran.
    """

    name: str
    node: str
    worker: str
    start: float
    seconds: float


@dataclass(frozen=True)
class TaskTotal:
    """All tasks of a name.

    Attributes:
        name: Name of the function or method.
        tasks: Number of tasks.
        nodes: Number of nodes that ran some.
        seconds: Their durations together.
    """

    name: str
    tasks: int
    nodes: int
    seconds: float


Activity = tuple[tuple[Node, ...], tuple[TaskTotal, ...], tuple[Task, ...]]


def read_activity(since: float) -> Activity:
    """Ask Ray for its nodes and the tasks that began after a time.

    Args:
        since: Seconds since 1970.

    Returns:
        Nodes, totals by name, and the longest tasks in the order of their start; nothing if Ray is not connected.
    """
    if "ray" not in sys.modules:  # a stage without Ray does not import it for this
        return (), (), ()
    import ray

    if not ray.is_initialized():
        return (), (), ()
    nodes = tuple(_to_node(node) for node in ray.nodes() if node.get("Alive"))
    return nodes, *summarize_tasks(ray.timeline() or [], since)


def summarize_tasks(
    events: Iterable[Mapping[str, Any]], since: float
) -> tuple[tuple[TaskTotal, ...], tuple[Task, ...]]:
    """Tasks of a trace.

    Args:
        events: What `ray.timeline()` returns: events of Chrome's trace format, with times in microseconds.
        since: Seconds since 1970; earlier tasks are left out.

    Returns:
        Totals by name, the longest first, and the longest tasks in the order of their start.
    """
    tasks = [_to_task(event, since) for event in events if str(event.get("cat", "")).startswith(_TASK)]
    tasks = [task for task in tasks if task.start >= 0]
    grouped: dict[str, list[Task]] = {}
    for task in tasks:
        grouped.setdefault(task.name, []).append(task)
    totals = [
        TaskTotal(name, len(same), len({task.node for task in same}), round(sum(task.seconds for task in same), 2))
        for name, same in grouped.items()
    ]
    longest = sorted(tasks, key=lambda task: -task.seconds)[:_MOST_TASKS]
    return (
        tuple(sorted(totals, key=lambda total: (-total.seconds, total.name))[:_MOST_TOTALS]),
        tuple(sorted(longest, key=lambda task: task.start)),
    )


def _to_task(event: Mapping[str, Any], since: float) -> Task:
    return Task(
        name=shorten_name(str(event["cat"]).removeprefix(_TASK)),
        node=str(event.get("pid")),
        worker=str(event.get("tid")).rpartition(":")[2][:8],
        start=round(float(event["ts"]) / 1e6 - since, 3),
        seconds=round(float(event.get("dur", 0)) / 1e6, 3),
    )


def shorten_name(name: str) -> str:
    """The name of a task without hashes and partitions, so that equal work has one name.

    Example:
        >>> shorten_name("dask:('read-parquet-0123456789abcdef0123456789abcdef', 3)")
        'read-parquet'
    """
    name = name.removeprefix("dask:").strip("()").partition(",")[0]
    return _ODD.sub("", _HASH.sub("", name)).strip("-_.:") or "task"


def _to_node(node: Mapping[str, Any]) -> Node:
    resources = node.get("Resources") or {}
    return Node(
        address=str(node.get("NodeManagerAddress")),
        is_head="node:__internal_head__" in resources,
        cpus=float(resources.get("CPU", 0)),
        gpus=float(resources.get("GPU", 0)),
        memory_gib=round(float(resources.get("memory", 0)) / 2**30, 1),
        object_store_gib=round(float(resources.get("object_store_memory", 0)) / 2**30, 1),
    )
