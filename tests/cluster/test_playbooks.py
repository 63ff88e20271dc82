"""The playbooks as files: where they can be started from, and their style."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project import ROOT

pytestmark = pytest.mark.containers  # Ansible is there with `make test-cluster` only


def run(folder: Path, *command: str) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_commands_work_from_the_root_and_from_ansible() -> None:
    graphs = [run(folder, "ansible-inventory", "--graph") for folder in (ROOT, ROOT / "ansible")]
    assert graphs[0] == graphs[1]
    assert "10.10.0.10" in graphs[0]
    for folder, playbook in ((ROOT, "ansible/setup.yml"), (ROOT / "ansible", "setup.yml")):
        assert "Log in" in run(folder, "ansible-playbook", playbook, "--list-tasks")


def test_no_finding_of_ansible_lint() -> None:
    run(ROOT, "ansible-lint", "--profile", "production", "--offline", "ansible/")
