"""Addresses of the nodes that are alive, after a task has really run; Ray's version comes first.

nodes.py [SECONDS [ADDRESS ...]]    waits that long for these nodes, then lists those that are there
"""

import sys
import time

import ray


def alive():
    return sorted(node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"])


seconds, *expected = sys.argv[1:] or ["0"]
deadline = time.monotonic() + float(seconds)
ray.init(address="auto", log_to_driver=False, logging_level="ERROR")
assert ray.get(ray.remote(num_cpus=0)(lambda: 6 * 7).remote(), timeout=60) == 42
while not set(expected) <= set(alive()) and time.monotonic() < deadline:
    time.sleep(1)
print(ray.__version__, *alive())
