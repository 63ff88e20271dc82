"""A lab: bare Debian hosts with sshd, a user who may sudo, addresses on a bridge; Ansible and Ray from outside."""

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests import engine_base
from tests.cluster.ansible_failures import failures
from tests.engine import CommandFailedError, Engine
from tests.project import ROOT

SUBNET = "172.30.77.0/24"
BRIDGE = "fllab0"
USER = "fire"
NAME = "lab"  # of the cluster
BARE = ("openssh-server", "sudo")  # a new machine has these, and not even Python
_START = f"""
useradd --create-home --shell /bin/bash {USER}
echo '{USER} ALL=(ALL) NOPASSWD:ALL' > /etc/sudoers.d/{USER}
echo 'Defaults env_file=/etc/environment' >> /etc/sudoers.d/{USER} # how this machine reaches packages
mkdir -p /run/sshd /home/{USER}/.ssh /lab/firelib
echo "$KEY" > /home/{USER}/.ssh/authorized_keys
chown -R {USER}: /home/{USER}/.ssh
chmod 700 /home/{USER}/.ssh
ln -sfn /lab/firelib /opt/firelib
test -d /lab/uv-cache && echo UV_CACHE_DIR=/lab/uv-cache >> /etc/environment
echo PYTHONPYCACHEPREFIX=/bytecode >> /etc/environment # what one host compiles, the others and the next lab find
exec /usr/sbin/sshd -D -e
"""


def address(last: int) -> str:
    """The address of the lab that ends in this number."""
    return SUBNET.replace("0/24", str(last))


@dataclass(frozen=True)
class Lab:
    """Hosts, and a user's machine: a home, a key, a cluster file.

    Attributes:
        engine: Runs the hosts.
        folder: All files of the lab.
        packages: Whether hosts will install any.
        seconds: Step → wall time.
    """

    engine: Engine
    folder: Path
    packages: bool = True
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def cluster_file(self) -> Path:
        return self.folder / "cluster.yaml"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def shared(self) -> Path:
        return self.folder / "shared"

    @property
    def token(self) -> str:
        return (self.home / ".ray" / "auth_token").read_text()

    @property
    def environment(self) -> dict[str, str]:
        """That of the user's shell."""
        own = {
            "HOME": str(self.home),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "RAY_AUTH_MODE": "token",
            "RAY_TMPDIR": str(self.home),
            "RAY_USAGE_STATS_ENABLED": "0",
            "ANSIBLE_SSH_ARGS": "-o LogLevel=ERROR",  # no connections that outlive a host
            "ANSIBLE_FORCE_COLOR": "0",
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",  # what `failures` reads
        }
        return {**os.environ, **own}

    def add_host(self, name: str, last: int) -> str:
        """Switch a new, bare host on; its address is that of the lab with this last part."""
        key = (self.home / ".ssh" / "id.pub").read_text()
        disk = self.folder / "hosts" / name
        disk.mkdir()
        if self.packages:
            _link_packages(disk / "uv-cache")
        self.engine.docker(
            *("run", "--detach", "--init", "--name", name, "--hostname", name),
            *("--network", BRIDGE, "--ip", address(last), "--shm-size", "8g", "--env", f"KEY={key}"),
            *("--cap-add", "NET_ADMIN"),  # a firewall of its own
            *("--tmpfs", "/small:size=64m"),  # a disk that is too small for anything
            *("--volume", f"{disk}:/lab", "--volume", f"{self.shared}:/mnt/shared"),
            *("--volume", f"{engine_base.bytecode()}:/bytecode"),
            *(self.engine.base_image(*BARE), "bash", "-c", _START),
        )
        return address(last)

    def write_cluster(self, head: str, workers: Sequence[str], **settings: Any) -> None:
        """The repository's cluster file, with this lab's hosts."""
        raw = yaml.safe_load((ROOT / "cluster" / "cluster.yaml").read_text())
        raw["cluster_name"] = NAME
        raw["provider"] |= {"head_ip": head, "worker_ips": list(workers)}
        raw["provider"]["firelib"] |= {"shared_folder": "/mnt/shared", **settings}
        raw["auth"] = {"ssh_user": USER, "ssh_private_key": str(self.home / ".ssh" / "id")}
        raw["file_mounts"] = {"~/.ray/auth_token": str(self.home / ".ray" / "auth_token")}
        self.cluster_file.write_text(yaml.safe_dump(raw, sort_keys=False))

    def run(self, *command: str, check: bool = True, **environment: str) -> str:
        """Run a command of the user's and return all that it says; it is kept in a log too."""
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        with (self.folder / "log").open("a") as log:
            log.write(f"$ {' '.join(command)}\n{done.stdout}\n")
        if check and done.returncode:
            # A playbook's own message comes first: pytest's summary shows no more than the first line.
            said = (*failures(done.stdout), f"{' '.join(command)}: exit code {done.returncode}", done.stdout[-6000:])
            raise CommandFailedError("\n".join(said))
        return done.stdout

    def play(self, playbook: str, *options: str, check: bool = True) -> str:
        """Run a playbook of the repository on the lab's cluster file."""
        return self.run(*self.playing(playbook), *options, check=check)

    def start_play(self, playbook: str) -> "subprocess.Popen[bytes]":
        """Start a playbook, in a process group of its own, and do not wait for it."""
        return self.start(*self.playing(playbook))

    def start(self, *command: str, **environment: str) -> "subprocess.Popen[bytes]":
        """Start a command of the user's, in a process group of its own, and do not wait for it."""
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def playing(self, playbook: str) -> tuple[str, ...]:
        """The command that runs a playbook of the repository."""
        return "ansible-playbook", "-i", str(self.cluster_file), f"ansible/{playbook}"

    def on(self, host: str, command: str, check: bool = True) -> str:
        """Run a command in a login of the user's on a host."""
        pinned = self.home / ".ssh" / "known_hosts.d" / f"firelib-{NAME}"
        options = (
            "-o",
            f"UserKnownHostsFile={pinned}",
            "-o",
            "StrictHostKeyChecking=accept-new",
            "-o",
            "LogLevel=ERROR",
        )
        login = ("-i", str(self.home / ".ssh" / "id"), f"{USER}@{host}")
        return self.run("ssh", *options, *login, f"bash -lc {shlex.quote(command)}", check=check)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step, and say so."""
        begun = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = time.monotonic() - begun
            print(f"{name}: {self.seconds[name]:.0f} s", flush=True)  # noqa: T201  # what the drill is for


@contextmanager
def lab(engine: Engine, packages: bool = True) -> Iterator[Lab]:
    """A lab without hosts.

    Args:
        engine: Runs them.
        packages: Whether hosts will install any.
    """
    with engine_base.lab_folder() as folder:
        for name in ("home/.ssh", "hosts", "shared"):
            (folder / name).mkdir(parents=True)
        made = Lab(engine, folder, packages)
        engine_base.bytecode().mkdir(exist_ok=True)
        for path in (made.shared, engine_base.bytecode()):
            path.chmod(0o1777)
        made.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "home" / ".ssh" / "id"))
        with engine.network(BRIDGE, SUBNET):
            try:
                yield made
            finally:
                _remove_hosts(engine)  # a network with hosts cannot be removed, which would hide the test's own error


def _remove_hosts(engine: Engine) -> None:
    """Remove the hosts of the lab: the engine of TESTS_ENGINE may have containers of others."""
    hosts = engine.docker("ps", "--all", "--quiet", "--filter", f"network={BRIDGE}").split()
    if hosts:
        engine.docker("rm", "--force", "--volumes", *hosts)


def _link_packages(target: Path) -> None:
    """uv's cache as links: what hosts install costs no download and no disk."""
    uv = shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
    cache = subprocess.run([uv, "cache", "dir"], capture_output=True, text=True, check=True).stdout.strip()
    subprocess.run(["cp", "--archive", "--link", cache, str(target)], check=False)
