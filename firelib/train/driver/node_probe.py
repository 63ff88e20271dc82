"""The nodes of this Ray as they are now, and how long to wait until that can be trusted."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from firelib.console import note
from firelib.train.driver.resources import Node, Share, places

_CONNECT_SECONDS = 2.0
_INTERVAL_SECONDS = 0.5
_LOOKS = 2  # in a row: what Ray says is some tenths of a second old
_QUIET_SECONDS = 5.0  # a wait that is longer is said


def live_nodes() -> list[Node]:
    """The nodes that Ray takes for alive; whether each one answers is asked, not believed."""
    import ray
    from ray._private.state import available_resources_per_node  # Ray's developer interface; it has no other

    alive = [node for node in ray.nodes() if node["Alive"]]
    free = available_resources_per_node()
    with ThreadPoolExecutor(max(1, min(32, len(alive)))) as pool:
        answers = list(pool.map(_answers, alive))
    return [
        Node(node["Resources"], free.get(node["NodeID"], {}), is_there)
        for node, is_there in zip(alive, answers, strict=True)
    ]


def _answers(node: dict[str, Any]) -> bool:
    """Whether somebody listens where the node's raylet does: the kernel refuses at once when the raylet is gone."""
    try:
        with socket.create_connection((node["NodeManagerAddress"], node["NodeManagerPort"]), _CONNECT_SECONDS):
            return True
    except OSError:
        return False


def free_places(share: Share, wanted: int, seconds: float) -> int:
    """For how many workers there is a place now, `wanted` at most.

    Right after a loss neither is true yet: Ray still counts the lost node (until its health checks have failed, up to a
    minute), and what the ended workers held is not yet free. So this waits until every counted node answers, and until
    as many places are free as are wanted, or as the nodes have at all.

    Args:
        share: What a worker takes.
        wanted: How many there should be.
        seconds: When to take what is there, settled or not.
    """
    begun, said, settled = time.monotonic(), False, 0
    while True:
        nodes = live_nodes()
        answering = [node for node in nodes if node.answers]
        free = min(wanted, places([node.free for node in answering], share))
        possible = min(wanted, places([node.total for node in answering], share))
        waited = time.monotonic() - begun
        settled = settled + 1 if len(answering) == len(nodes) and free >= possible else 0
        if settled == _LOOKS or waited >= seconds:
            return free
        if waited >= _QUIET_SECONDS and not said:
            said = True
            note(f"{_reason(len(nodes) - len(answering), free, possible)}: waiting, {seconds:.0f} s at most")
        time.sleep(_INTERVAL_SECONDS)


def _reason(silent: int, free: int, possible: int) -> str:
    if silent:
        return f"nodes that Ray still counts, though they do not answer: {silent}"
    return f"{free} of {possible} places for workers are free"
