"""A lab of local VMs: a user's home, a cluster file, and VMs that the project's playbooks make and remove."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import yaml

from firelib.ray_setup.cluster_file import read_cluster_file
from firelib.ray_setup.qemu import Qemu
from firelib.vms.cluster_record import read_record
from firelib.vms.guest.processes import find_guests
from firelib.vms.plan import VmCluster, plan_cluster
from firelib.vms.remove import remove_vms
from tests.cluster.ansible_failures import failures
from tests.engine import CommandFailedError
from tests.patience import patience, wait_until
from tests.project import ROOT

HEAD = "10.123.79.10"
SUBNET = "10.123.79.0/24"
_PREFIX = "test-"  # of the cluster's name, before the id of the test's process
_BOOT_SECONDS = 600.0  # an emulated CPU on a busy machine


@dataclass(frozen=True)
class VmLab:
    """One VM, and the machine of a user.

    Attributes:
        folder: All files of the lab.
        images: Folder of the base images, which later runs use again.
        seconds: Step → wall time.
    """

    folder: Path
    images: Path
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def cluster_file(self) -> Path:
        return self.folder / "cluster.yaml"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def cluster(self) -> VmCluster:
        return plan_cluster(read_cluster_file(self.cluster_file), self.images)

    def write_cluster(self, **settings: Any) -> None:
        """The repository's example, with one VM of this lab."""
        raw = yaml.safe_load((ROOT / "cluster" / "local-vms.yaml").read_text())
        raw["cluster_name"] = f"{_PREFIX}{os.getpid()}"
        raw["provider"] |= {"head_ip": HEAD, "worker_ips": []}
        raw["provider"]["firelib"] |= {"qemu": {"subnet": SUBNET, "accelerator": "tcg", "disk_gib": 12}, **settings}
        raw["auth"] = {"ssh_user": "fire", "ssh_private_key": str(self.home / ".ssh" / "id")}
        self.cluster_file.write_text(yaml.safe_dump(raw, sort_keys=False))

    def run(self, *command: str, check: bool = True) -> str:
        """Run a command of the user's and return all that it says; it is kept in a log, too."""
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        with (self.folder / "log").open("a") as log:
            log.write(f"$ {' '.join(command)}\n{done.stdout}\n")
        if check and done.returncode:
            said = (*failures(done.stdout), f"{' '.join(command)}: exit code {done.returncode}", done.stdout[-6000:])
            raise CommandFailedError("\n".join(said))
        return done.stdout

    @property
    def environment(self) -> dict[str, str]:
        """That of the user's shell."""
        own = {
            "HOME": str(self.home),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "ANSIBLE_FORCE_COLOR": "0",
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",  # what `failures` reads
        }
        return {**os.environ, **own}

    def play_command(self, playbook: str, *options: str) -> tuple[str, ...]:
        """The command that runs a playbook of the repository."""
        own = ("-i", str(self.cluster_file), "-e", f"vms_folder={self.images}")
        return "ansible-playbook", *own, f"ansible/{playbook}", *options

    def play(self, playbook: str, *options: str, check: bool = True) -> str:
        """Run a playbook of the repository."""
        return self.run(*self.play_command(playbook, *options), check=check)

    def vms(self, command: str, check: bool = True) -> str:
        """Run `python -m firelib.vms`."""
        arguments = ("-m", "firelib.vms", command, str(self.cluster_file), "--folder", str(self.images))
        return self.run(sys.executable, *arguments, check=check)

    def on(self, command: str, check: bool = True) -> str:
        """Run a command as root in the VM."""
        pinned = ("-o", f"UserKnownHostsFile={self.cluster.known_hosts}", "-o", "StrictHostKeyChecking=yes")
        login = ("-i", str(self.home / ".ssh" / "id"), *pinned, "-o", "ConnectTimeout=120", f"fire@{HEAD}")
        return self.run("ssh", *login, "sudo", "-n", command, check=check)

    def guest(self) -> psutil.Process | None:
        """The VM's process."""
        return find_guests(self.cluster.name, self.cluster.own_folder).get(HEAD)

    def wait_for_boot(self, before: str | None) -> None:
        """Wait until the VM has another boot than `before`, and its units have started."""
        wait_until(lambda: self.boot_id() not in (None, before), _BOOT_SECONDS, "the VM boots again")
        self.on("systemctl is-system-running --wait", check=False)

    def boot_id(self) -> str | None:
        """Identify the present boot; None as long as the VM does not answer."""
        said = self.on("cat /proc/sys/kernel/random/boot_id", check=False)
        found = re.findall(r"^[0-9a-f-]{36}$", said, re.MULTILINE)
        return found[-1] if found else None

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step, and print the time."""
        begun = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = time.monotonic() - begun
            print(f"{name}: {self.seconds[name]:.0f} s", flush=True)  # noqa: T201  # what the test is for


def remove_abandoned(images: Path) -> list[str]:
    """Remove the VMs of tests that were killed; return what was removed.

    Args:
        images: Folder of all VMs of tests.
    """
    removed = []
    for folder in sorted((images / "clusters").glob(f"{_PREFIX}[0-9]*")):
        record = read_record(folder, folder.name)
        if record and not psutil.pid_exists(int(folder.name.removeprefix(_PREFIX))):
            left = VmCluster(folder.name, Qemu(), "", record.key, record.known_hosts, (), images, None)
            removed += remove_vms(left, delete_data=True)
    return removed


def changed(said: str) -> dict[str, int]:
    """Host → number of changes in Ansible's recap."""
    return {host: int(count) for host, count in re.findall(r"^(\S+) +: ok=\d+ +changed=(\d+)", said, re.MULTILINE)}


def limit(seconds: float) -> float:
    """Time limit for what an emulated CPU does."""
    return patience(seconds)
