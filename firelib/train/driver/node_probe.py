"""Probe the nodes of the Ray cluster, and wait until enough worker slots are free."""

import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from firelib.console import note
from firelib.train.driver.resources import Node, WorkerResources, count_slots

_CONNECT_SECONDS = 2.0
_INTERVAL_SECONDS = 0.5
_STABLE_PROBES = 2  # in a row: Ray's resource view lags by some tenths of a second
_QUIET_SECONDS = 5.0  # a longer wait is announced


def probe_nodes() -> list[Node]:
    """Return the nodes that Ray lists as alive, and whether each of them is reachable."""
    import ray
    from ray._private.state import available_resources_per_node  # Ray's developer interface; there is no public one

    alive = [node for node in ray.nodes() if node["Alive"]]
    free = available_resources_per_node()
    with ThreadPoolExecutor(max(1, min(32, len(alive)))) as pool:
        reachable = list(pool.map(_is_reachable, alive))
    return [
        Node(node["Resources"], free.get(node["NodeID"], {}), is_reachable)
        for node, is_reachable in zip(alive, reachable, strict=True)
    ]


def _is_reachable(node: dict[str, Any]) -> bool:
    """Whether the node's raylet accepts a connection. If the raylet is gone, the kernel refuses it at once."""
    try:
        with socket.create_connection((node["NodeManagerAddress"], node["NodeManagerPort"]), _CONNECT_SECONDS):
            return True
    except OSError:
        return False


def wait_for_worker_slots(resources: WorkerResources, wanted: int, seconds: float) -> int:
    """Wait for free worker slots, and return how many there are.

    Right after a loss, Ray's view is out of date: it lists the lost node until its health checks have failed, up to a
    minute, and the resources of the ended workers are not free yet. The wait therefore ends when every listed node is
    reachable, and as many slots are free as are wanted or as the nodes have in total.

    Args:
        resources: Resources of one worker.
        wanted: Number of slots to wait for.
        seconds: Timeout, after which the free slots are returned as they are.

    Returns:
        Number of free slots, at most `wanted`.
    """
    started, announced, stable = time.monotonic(), False, 0
    while True:
        nodes = probe_nodes()
        unreachable = sum(not node.is_reachable for node in nodes)
        free, possible = _count_free_and_possible(nodes, resources, wanted)
        waited = time.monotonic() - started
        stable = stable + 1 if not unreachable and free >= possible else 0
        if stable == _STABLE_PROBES or waited >= seconds:
            return free
        if waited >= _QUIET_SECONDS and not announced:
            announced = True
            note(f"waiting at most {seconds:.0f} s: {_describe_wait(unreachable, free, possible)}")
        time.sleep(_INTERVAL_SECONDS)


def count_free_slots(resources: WorkerResources) -> int:
    """Count the worker slots that are free now, on nodes that are reachable."""
    return count_slots([node.free for node in probe_nodes() if node.is_reachable], resources)


def _count_free_and_possible(nodes: Sequence[Node], resources: WorkerResources, wanted: int) -> tuple[int, int]:
    reachable = [node for node in nodes if node.is_reachable]
    free = count_slots([node.free for node in reachable], resources)
    possible = count_slots([node.total for node in reachable], resources)
    return min(wanted, free), min(wanted, possible)


def _describe_wait(unreachable: int, free: int, possible: int) -> str:
    if unreachable:
        return f"Ray lists {unreachable} unreachable nodes as alive"
    return f"{free} of {possible} worker slots are free"
