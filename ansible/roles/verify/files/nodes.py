"""Addresses of the nodes that are alive, after a task has really run; Ray's version comes first.

nodes.py [SECONDS [ADDRESS ...]]    waits that long for Ray and for these nodes, then lists those that are there
"""

import sys
import time

import ray


def run_task(seconds):
    ray.init(address="auto", log_to_driver=False, logging_level="ERROR")
    try:
        assert ray.get(ray.remote(num_cpus=0)(lambda: 6 * 7).remote(), timeout=max(60, seconds)) == 42
    except BaseException:
        ray.shutdown()
        raise


def alive():
    return sorted(node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"])


seconds, *expected = sys.argv[1:] or ["0"]
deadline = time.monotonic() + float(seconds)
while True:  # systemd starts Ray again if its first start fails, so that a port may be open before a node works
    try:
        run_task(deadline - time.monotonic())
        break
    except Exception:  # whatever Ray raises while it starts
        if time.monotonic() > deadline:
            raise
        time.sleep(5)
while not set(expected) <= set(alive()) and time.monotonic() < deadline:
    time.sleep(1)
print(ray.__version__, *alive())
