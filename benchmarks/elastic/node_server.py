"""A process that holds a Ray cluster, and starts and kills its nodes on request.

It is a process of its own because Ray reads its variables when it is imported. Each line of standard input is a command
and the index of a node, if it needs one; each answer is a line. The head has no cores for workers. Every other node has
one, and is pinned to it with all that it starts.
"""

import sys
from contextlib import suppress
from typing import Any

import psutil
from ray.cluster_utils import Cluster

from benchmarks.harness.machine import find_core
from firelib.ray_setup.loopback import LOOPBACK, on_loopback


def main() -> None:
    with on_loopback():
        server = NodeServer()
        print(server.address, flush=True)  # noqa: T201  the parent reads it
        try:
            for line in sys.stdin:
                command, *arguments = line.split()
                server.commands[command](*map(int, arguments))
                print("done", flush=True)  # noqa: T201  the parent reads it
        finally:
            server.kill()


class NodeServer:
    """The head and worker nodes 0, 1, …"""

    def __init__(self) -> None:
        head = {"num_cpus": 0, "include_dashboard": False, "node_ip_address": LOOPBACK}
        self._cluster = Cluster(initialize_head=True, head_node_args=head)
        self._nodes: dict[int, Any] = {}
        self.address = str(self._cluster.address)
        self.commands = {"add": self.add, "lose": self.lose, "kill_worker": self.kill_worker}

    def add(self, index: int) -> None:
        """Start a worker node."""
        self._nodes[index] = self._cluster.add_node(num_cpus=1, node_ip_address=LOOPBACK)
        for process in _list_processes(self._nodes[index]):
            with suppress(psutil.NoSuchProcess):  # it was needed for the start only
                process.cpu_affinity([find_core(index)])

    def lose(self, index: int) -> None:
        """Kill a worker node with all its processes at once."""
        node = self._nodes.pop(index)
        _kill(_list_processes(node))
        self._cluster.remove_node(node, allow_graceful=False)

    def kill_worker(self, index: int) -> None:
        """Kill the training worker on a node, and nothing else."""
        workers = [process for process in _list_processes(self._nodes[index]) if is_training_worker(process)]
        if not workers:
            raise RuntimeError(f"expected a training worker on node {index}, found none")
        _kill(workers)

    def kill(self) -> None:
        """Kill all nodes and the head."""
        for index in list(self._nodes):
            self.lose(index)
        if self._cluster.head_node is not None:
            _kill(_list_processes(self._cluster.head_node))
            self._cluster.remove_node(self._cluster.head_node, allow_graceful=False)


def is_training_worker(process: psutil.Process) -> bool:
    """Whether a process is a worker of Ray Train; Ray names its processes for what they run."""
    try:
        return "RayTrainWorker" in " ".join(process.cmdline())
    except psutil.Error:
        return False


def _list_processes(node: Any) -> list[psutil.Process]:
    """The processes of a node and all that they have started."""
    found: list[psutil.Process] = []
    for info in (info for infos in node.all_processes.values() for info in infos):
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(info.process.pid)
            found += [process, *process.children(recursive=True)]
    return found


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()


if __name__ == "__main__":
    main()
