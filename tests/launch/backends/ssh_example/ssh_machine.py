"""A second machine for tests: a container with sshd and Docker's client, and an `ssh` that knows its key."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.engine import Engine
from tests.patience import wait_until

HOST = "box"
_BRIDGE, _SUBNET, _ADDRESS = "firelib-ssh", "172.29.93.0/24", "172.29.93.10"
_START = """
mkdir -p /run/sshd /root/.ssh
echo "$KEY" > /root/.ssh/authorized_keys
exec /usr/sbin/sshd -D -e
"""
_CONFIG = f"""
Host {HOST}
    HostName {_ADDRESS}
    User root
    IdentityFile FOLDER/key
    StrictHostKeyChecking no
    UserKnownHostsFile /dev/null
    LogLevel ERROR
"""


@contextmanager
def ssh_machine(engine: Engine, folder: Path) -> Iterator[None]:
    """Run the machine for the time of the block; `ssh box` leads there.

    Args:
        engine: Runs the machine, and the containers that are started on it.
        folder: Its files; `folder/machine` has the same path there.
    """
    with engine.network(_BRIDGE, _SUBNET) as network, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{_write_client(folder)}{os.pathsep}{os.environ['PATH']}")
        machine = engine.docker(*_run(engine, folder, network)).strip()
        try:
            wait_until(_answers, 60, "the machine accepts SSH connections")
            yield
        finally:
            engine.docker("rm", "--force", "--volumes", machine)


def _write_client(folder: Path) -> Path:
    """Write a key and a program `ssh` that uses it; return the program's folder."""
    ssh = shutil.which("ssh")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "key"], check=True)
    (folder / "config").write_text(_CONFIG.replace("FOLDER", str(folder)))
    program = folder / "bin" / "ssh"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {ssh} -F {folder}/config "$@"\n')
    program.chmod(0o755)
    return program.parent


def _run(engine: Engine, folder: Path, network: str) -> list[str]:
    (folder / "machine").mkdir()
    mounts = [
        f"{folder}/machine:{folder}/machine",
        f"{engine.socket.removeprefix('unix://')}:/var/run/docker.sock",
        f"{shutil.which('docker')}:/usr/local/bin/docker:ro",
    ]
    return [
        *("run", "--detach", "--init", "--hostname", HOST, "--network", network, "--ip", _ADDRESS),
        *("--env", f"KEY={(folder / 'key.pub').read_text()}"),
        *(f"--volume={mount}" for mount in mounts),
        *(engine.base_image("openssh-server", "sudo"), "bash", "-c", _START),
    ]


def _answers() -> bool:
    return subprocess.run(["ssh", HOST, "docker", "version"], capture_output=True, check=False).returncode == 0
