"""Role `verify`, with the real Ansible on hosts that are this machine."""

import pytest
import yaml

from tests.cluster.ansible_failures import failures
from tests.cluster.stand_ins import FIRST, HEAD, SECOND
from tests.cluster.user_machine import Machine

pytestmark = pytest.mark.containers  # Ansible is there with `make test-cluster` only

# Stands for Python of the environment, which prints the versions of its packages; those of one worker are older.
PYTHON = f"""#!/bin/sh
case "$FAKE_SSH_HOST" in {SECOND}) echo 3.11.2 2.59.0 2.21.0 2026.8.0 ;; *) echo 3.11.2 2.60.0 2.21.0 2026.8.0 ;; esac
"""


def verify(machine: Machine, *options: str) -> list[str]:
    """The failures of the role's comparison of versions."""
    machine.write_program("python", PYTHON)
    variables = {"verify_folder": str(machine.folder / "opt"), "verify_python": "3.11", "verify_head": HEAD}
    role = {"name": "verify", "tasks_from": "environment.yml"}
    task = {"name": "Verify", "ansible.builtin.include_role": role, "vars": variables}
    playbook = machine.folder / "play.yml"
    playbook.write_text(yaml.safe_dump([{"hosts": "cluster_hosts", "gather_facts": False, "tasks": [task]}]))
    return failures(machine.play(playbook, *options))


def test_a_host_with_another_version_than_the_head_is_named(machine: Machine) -> None:
    [said] = verify(machine)
    assert f"{SECOND} has Python, Ray, TensorFlow and Dask 3.11.2 2.59.0" in said
    assert "the head 3.11.2 2.60.0" in said


def test_a_run_that_is_limited_to_a_worker_does_without_the_head(machine: Machine) -> None:
    assert verify(machine, "--limit", FIRST) == []
