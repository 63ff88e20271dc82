"""Job: short tasks on all nodes for half a minute."""

import time

import ray

ray.init(address="auto", log_to_driver=False, logging_level="ERROR")
deadline = time.monotonic() + 30
while time.monotonic() < deadline:
    ray.get([ray.remote(scheduling_strategy="SPREAD")(time.sleep).remote(0.5) for _ in range(8)])
