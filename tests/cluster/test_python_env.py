"""Role `python_env`, with the real Ansible on a folder of this machine, and a stand-in of uv."""

import pytest
import yaml

from tests.cluster.ansible_failures import failures
from tests.cluster.user_machine import Machine

pytestmark = pytest.mark.containers  # Ansible is there with `make test-cluster` only

# Stands for uv on a host without the Python version, which it downloads.
UV = """#!/bin/sh
python="${UV_PYTHON_INSTALL_DIR:-$HOME/.local/share/uv/python}/bin"
mkdir -p "$python" "$UV_PROJECT_ENVIRONMENT/bin"
touch "$python/python3.12"
ln -sf "$python/python3.12" "$UV_PROJECT_ENVIRONMENT/bin/python"
"""


def test_a_python_that_uv_downloads_is_where_jobs_can_read_it(machine: Machine) -> None:
    """In the home of root, which runs uv, only root can."""
    folder = machine.folder / "opt"
    uv = folder / "uv" / "bin" / "uv"
    for path in (uv.parent, folder / "lock"):
        path.mkdir(parents=True)
    uv.write_text(UV)
    uv.chmod(0o755)
    variables = {"python_env_folder": str(folder), "python_env_command": [str(uv), "sync"], "python_env_python": "3.12"}
    role = {"name": "python_env", "tasks_from": "sync.yml"}
    task = {"name": "Install", "ansible.builtin.include_role": role, "vars": variables}
    playbook = machine.folder / "play.yml"
    playbook.write_text(yaml.safe_dump([{"hosts": "head", "gather_facts": False, "tasks": [task]}]))
    assert failures(machine.play(playbook)) == []
    assert folder in (folder / "venv" / "bin" / "python").resolve().parents
