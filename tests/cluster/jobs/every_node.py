"""Job: run a task on every node, by its address: every_node.py SECONDS ADDRESS ..."""

import sys
import time

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy


@ray.remote(num_cpus=0, max_retries=0)
def answer():
    return ray.util.get_node_ip_address()


def answers():
    """Addresses of the nodes that run a task now; Ray may list a node as alive for a while after its loss."""
    found = []
    for node in ray.nodes():
        if node["Alive"]:
            strategy = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            try:
                found.append(ray.get(answer.options(scheduling_strategy=strategy).remote(), timeout=20))
            except ray.exceptions.RayError:
                continue
    return sorted(found)


seconds, *wanted = sys.argv[1:]
deadline = time.monotonic() + float(seconds)
ray.init(address="auto", log_to_driver=False, logging_level="ERROR")
while answers() != sorted(wanted):
    if time.monotonic() > deadline:
        sys.exit(f"not every node has answered: {ray.nodes()}")
    time.sleep(1)
