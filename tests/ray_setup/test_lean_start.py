"""Embedded Ray on a busy machine, where Ray's own processes start slowly."""

import os
import subprocess
import sys
from pathlib import Path

from tests.patience import patience
from tests.project import ROOT

SLOW_AGENT = """
import time
time.sleep(25)  # Ray's raylet gives its agents 15 seconds
"""
START = """
import psutil, sys
from firelib.config import Environment
from firelib.ray_setup import lean_start
from firelib.ray_setup.session import ray_session
lean_start._AGENT_CHILD = sys.argv[1]

def find_words(is_wanted):
    return [word for child in psutil.Process().children(recursive=True) for word in child.cmdline() if is_wanted(word)]

with ray_session(Environment(num_cpus=2), idle_workers=False):
    import ray
    print(find_words(lambda word: word.startswith("ray::IDLE") or word.endswith("/default_worker.py")))
    print(find_words(lambda word: "startup_concurrency" in word))
    print(ray.get(ray.remote(lambda: 42).remote()))
"""


def test_a_node_waits_neither_for_its_agents_nor_for_idle_workers(tmp_path: Path) -> None:
    agent = tmp_path / "slow_agent.py"
    agent.write_text(SLOW_AGENT)
    done = subprocess.run(
        [sys.executable, "-c", START, str(agent)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=patience(120),
        check=False,
    )
    assert done.stdout.splitlines() == ["[]", "['--maximum_startup_concurrency=4']", "42"], done.stderr
    assert "attempt" not in done.stderr
