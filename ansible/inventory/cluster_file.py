"""Inventory plugin: the hosts in a file for `ray up`, cluster/*.yaml."""

import functools
import os
import shlex
import sys
from pathlib import Path

from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin

DOCUMENTATION = """
name: cluster_file
short_description: Hosts of a Ray cluster file
description:
  - Groups C(head) and C(workers) from C(provider) of a file for C(ray up), with its validated settings in C(cluster).
options: {}
"""

_ROOT = Path(__file__).resolve().parents[2]


class InventoryModule(BaseInventoryPlugin):
    """Hosts, groups and variables from a validated cluster file."""

    NAME = "cluster_file"

    def verify_file(self, path: str) -> bool:
        """Whether a file may be a cluster file, by its name; `parse` validates its content."""
        return super().verify_file(path) and path.endswith((".yaml", ".yml"))

    def parse(self, inventory, loader, path, cache=True):  # Ansible's signature
        """Add hosts, groups and variables to the inventory.

        Args:
            inventory: Ansible's inventory.
            loader: Ansible's file loader.
            path: The cluster file.
            cache: Not used: reading the file is fast.

        Raises:
            AnsibleParserError: The file is invalid; names every invalid key.
        """
        super().parse(inventory, loader, path, cache)
        file = _read_cluster_file(path)
        provider = file.provider
        self._add_host(provider.head_ip, "head", provider.external_head_ip)
        for address in provider.worker_ips:
            self._add_host(address, "workers", None)
        inventory.add_group("cluster_hosts")
        for group in ("head", "workers"):
            inventory.add_group(group)
            inventory.add_child("cluster_hosts", group)
        for name, value in _variables(file).items():
            inventory.set_variable("cluster_hosts", name, value)
        for address in (provider.head_ip, *provider.worker_ips):
            inventory.set_variable(address, "ansible_ssh_common_args", _ssh_args(file, address))
        if file.known_hosts:
            inventory.set_variable("cluster_hosts", "ansible_ssh_args", _pinned_args(file))
            inventory.set_variable("cluster_hosts", "ansible_timeout", 120)  # a login took 23 s on an emulated CPU
        inventory.set_variable("all", "cluster", _settings(file, path))
        inventory.add_host("localhost")  # explicit, so that `--limit localhost` runs the tasks of this machine
        inventory.set_variable("localhost", "ansible_connection", "local")
        inventory.set_variable("localhost", "ansible_python_interpreter", sys.executable)

    def _add_host(self, address: str, group: str, external: str | None) -> None:
        self.inventory.add_group(group)
        self.inventory.add_host(address, group=group)
        self.inventory.set_variable(address, "ansible_host", external or address)


def _read_cluster_file(path: str):  # no return type: firelib is imported below
    sys.path.insert(0, str(_ROOT))
    try:
        from firelib.errors import FirelibError
        from firelib.ray_setup.cluster_file import read_cluster_file
    except ImportError as error:
        raise AnsibleParserError(
            f"{error.name} is missing in {sys.executable}: run .venv/bin/ansible-playbook, "
            "which `uv sync --extra cluster` installs"
        ) from error
    finally:
        sys.path.pop(0)
    try:
        return read_cluster_file(Path(path))
    except FirelibError as error:
        raise AnsibleParserError(str(error)) from None


def _variables(file) -> dict[str, object]:
    variables = {"ansible_user": file.auth.ssh_user}
    if file.auth.ssh_private_key:
        variables["ansible_ssh_private_key_file"] = str(Path(file.auth.ssh_private_key).expanduser())
    return variables


def _settings(file, path: str) -> dict[str, object]:
    from firelib.cluster.setup_lock import identify_caller
    from firelib.cluster.ssh import known_hosts_file
    from firelib.storage import Owner

    provider = file.provider.model_dump(exclude={"firelib"})
    token = Path("~/.ray/auth_token").expanduser()
    return {
        **file.hosts.model_dump(),
        **provider,
        "autostop_minutes": file.hosts.autostop,
        "name": file.cluster_name,
        "user": file.auth.ssh_user,
        "key": file.auth.ssh_private_key and str(Path(file.auth.ssh_private_key).expanduser()),
        "token_file": str(token),
        "known_hosts": str(known_hosts_file(file)),
        "caller": identify_caller(),
        "process": Owner.current().token,
        "tasks_pipe": _open_pipe(),
        "file": path,
        "project": str(_ROOT),
    }


def _ssh_args(file, address: str) -> str:
    """SSH arguments of a host: pinned host keys, and the way through the head."""
    from firelib.cluster.ssh import jump_options, pinning_options

    return shlex.join([*pinning_options(file), *jump_options(file, address)])


@functools.cache
def _open_pipe() -> int:
    """The reading end of a pipe that stays open until Ansible has ended, with the workers that it forks for tasks.

    If Ansible is killed, they complete their tasks: firelib.cluster.setup_lock waits for the end of the pipe.
    """
    reading, _ = os.pipe()
    return reading


def _pinned_args(file) -> str:
    """SSH arguments that accept only the host keys of firelib.vms, instead of those of ansible.cfg."""
    from firelib.cluster.ssh import pinning_options

    connection = ("-o", "ControlMaster=auto", "-o", "ControlPersist=60s", "-o", "GlobalKnownHostsFile=none")
    return shlex.join([*connection, *pinning_options(file)])
