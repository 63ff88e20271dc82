"""Addresses of the nodes that are alive, after a task has really run; Ray's version comes first.

    nodes.py [SECONDS [ADDRESS ...]]    repeats that for so long, until Ray works and these nodes are there

Each attempt is a process of its own with a time limit: a driver that connects while Ray starts can wait forever.
"""

import subprocess
import sys
import time

ATTEMPT = """
import ray

ray.init(address="auto", log_to_driver=False, logging_level="ERROR")
assert ray.get(ray.remote(num_cpus=0)(lambda: 6 * 7).remote()) == 42
print(ray.__version__, *sorted(node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]))
"""
LIMIT = 300  # seconds of an attempt; an emulated CPU needs one or two minutes


def attempt():
    """Exit code, output and errors."""
    try:
        command = [sys.executable, "-c", ATTEMPT]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    except subprocess.TimeoutExpired:
        return 1, "", f"no answer within {LIMIT} s"
    return done.returncode, done.stdout, done.stderr


seconds, *expected = sys.argv[1:] or ["0"]
deadline = time.monotonic() + float(seconds)
while True:  # systemd starts Ray again if its first start fails, so that a port may be open before a node works
    code, output, errors = attempt()
    if (code == 0 and set(expected) <= set(output.split())) or time.monotonic() > deadline:
        break
    time.sleep(5)
print(output, end="")
sys.exit(errors.strip() if code else 0)
