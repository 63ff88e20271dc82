"""A real node of a job on a busy machine, where Ray's own processes start slowly."""

import os
from pathlib import Path

import pytest

from firelib.launch.runtime.ray_node import ray_node
from tests.launch.ray_head import free_ports

# Python runs it when a process starts. Ray's raylet gives its agents 15 seconds.
SLOW_AGENTS = """
import sys, time
if any(word.endswith(("/dashboard/agent.py", "/runtime_env/agent/main.py")) for word in sys.orig_argv):
    time.sleep(25)
"""


def test_a_node_does_not_wait_for_its_agents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sitecustomize.py").write_text(SLOW_AGENTS)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    port, client = free_ports(2)
    arguments = ["--head", "--node-ip-address=127.0.0.1", f"--port={port}", f"--ray-client-server-port={client}"]
    with ray_node("token", [*arguments, "--num-cpus=1", "--include-dashboard=false"]) as node:
        assert node.poll() is None
