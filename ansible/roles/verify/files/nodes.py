"""Addresses of the nodes that are alive, after a task has really run; Ray's version comes first."""

import ray

ray.init(address="auto", log_to_driver=False, logging_level="ERROR")
assert ray.get(ray.remote(num_cpus=0)(lambda: 6 * 7).remote(), timeout=60) == 42
print(ray.__version__, *sorted(node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]))
