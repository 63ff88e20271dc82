"""A failed playbook shows its own message in a test's assertion."""

from pathlib import Path

import pytest

from tests.cluster.ansible_failures import failures
from tests.cluster.lab import Lab
from tests.engine import CommandFailedError, Engine

pytestmark = pytest.mark.containers  # Ansible is there with `make test-cluster` only

PLAYBOOK = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: Fail, which is ignored
      ansible.builtin.command: "false"
      ignore_errors: true
    - name: Run a command
      ansible.builtin.command: sh -c "echo no such mirror >&2; exit 3"
      ignore_errors: "{{ go_on | default(false) | bool }}"
    - name: Check programs
      ansible.builtin.assert:
        that: item != "rsync"
        fail_msg: "{{ item }} is missing on this machine"
        quiet: true
      loop: [ssh, rsync]
"""


@pytest.fixture
def user(tmp_path: Path) -> tuple[Lab, str]:
    """A user's machine, without a host, and a playbook that fails."""
    (tmp_path / "failing.yml").write_text(PLAYBOOK)
    return Lab(Engine("unix:///none", tmp_path), tmp_path), str(tmp_path / "failing.yml")


def test_error_begins_with_task_host_and_message(user: tuple[Lab, str]) -> None:
    machine, playbook = user
    with pytest.raises(CommandFailedError) as caught:
        machine.run("ansible-playbook", playbook)
    first, second, *_ = str(caught.value).splitlines()
    assert first == "task 'Run a command' failed on localhost: non-zero return code | no such mirror"
    assert second == f"ansible-playbook {playbook}: exit code 2"


def test_item_of_a_loop_is_found_and_what_is_ignored_is_not(user: tuple[Lab, str]) -> None:
    machine, playbook = user
    said = machine.run("ansible-playbook", "--extra-vars", "go_on=true", playbook, check=False)
    assert failures(said) == ["task 'Check programs' failed on localhost: rsync is missing on this machine"]


def test_host_that_cannot_be_reached_is_named(user: tuple[Lab, str]) -> None:
    machine, playbook = user
    Path(playbook).write_text(
        "- {hosts: nowhere, gather_facts: false, tasks: [{name: Log in, ansible.builtin.ping: }]}"
    )
    (machine.folder / "hosts.yaml").write_text("{all: {hosts: {nowhere: {ansible_host: 127.0.0.1, ansible_port: 1}}}}")
    inventory = {"ANSIBLE_INVENTORY_ENABLED": "yaml"}
    said = machine.run("ansible-playbook", "-i", str(machine.folder / "hosts.yaml"), playbook, check=False, **inventory)
    [failure] = failures(said)
    assert failure.startswith("task 'Log in' failed on nowhere: ")
    assert "Connection refused" in failure
