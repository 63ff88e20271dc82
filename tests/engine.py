"""A container engine for tests: a Docker daemon with its own folder, socket and firewall rules, removed afterwards.

Only images and build layers are kept for the next run on this machine, if the disk has enough space.

The base image is built from the Debian packages that this machine would install, so that no image registry is needed.
The machine's settings for package downloads (apt's sources, certificates, indexes, proxies) are read at test time and
never written into the repository.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import engine_base

# Programs on this machine that tests with containers, the playbooks and `ray up` call, and their Debian packages.
PROGRAMS = {
    "dockerd": "docker.io",
    "docker": "docker.io",
    "docker-compose": "docker-compose",
    "git": "git",
    "iptables": "iptables",
    "mmdebstrap": "mmdebstrap",
    "ps": "procps",
    "rsync": "rsync",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
}
_TIMEOUT_SECONDS = 60.0
IMAGE_SPACE_BYTES = 40 * 2**30  # free space; the images of all components and their build layers
_KEPT_HOURS = 7 * 24


class EngineMissingError(RuntimeError):
    """This machine cannot run containers; the message names the missing programs and their packages."""


class CommandFailedError(RuntimeError):
    """A command failed; the message contains its output."""


@dataclass(frozen=True)
class Engine:
    """A running Docker daemon.

    Attributes:
        socket: Address of its socket, for `DOCKER_HOST`.
        folder: Folder of its files.
    """

    socket: str
    folder: Path

    def docker(self, *arguments: str, stdin: str | None = None) -> str:
        """Run a `docker` command and return its output.

        Raises:
            CommandFailedError: The command failed.
        """
        return run("docker", "--host", self.socket, *arguments, stdin=stdin)

    def base_image(self, *packages: str) -> str:
        """Build an image of minimal Debian with these packages, or take it from the cache; return its name."""
        tarball, digest = engine_base.tarball(packages)
        name = f"firelib-test-base:{digest}"
        if not self.docker("images", "--quiet", name).strip():
            changes = [
                argument
                for pair in engine_base.variables().items()
                for argument in ("--change", "ENV {}={}".format(*pair))
            ]
            self.docker("import", *changes, str(tarball), name)
        return name

    @contextmanager
    def network(self, name: str, subnet: str) -> Iterator[str]:
        """Create a bridge network whose containers have fixed addresses and this machine's network access.

        Args:
            name: Name of the network and of the bridge; at most 15 characters.
            subnet: Such as 172.30.5.0/24.
        """
        bridge = f"com.docker.network.bridge.name={name}"
        self.docker("network", "create", "--subnet", subnet, "--opt", bridge, name)
        rules = [
            ["-t", "nat", "POSTROUTING", "-s", subnet, "!", "-o", name, "-j", "MASQUERADE"],
            ["-t", "filter", "FORWARD", "-i", name, "-j", "ACCEPT"],
            ["-t", "filter", "FORWARD", "-o", name, "-j", "ACCEPT"],
        ]
        with ExitStack() as undo:
            undo.callback(self.docker, "network", "rm", name)
            for table, kind, chain, *rule in rules:
                run("iptables", "--wait", table, kind, "--insert", chain, *rule)
                undo.callback(run, "iptables", "--wait", table, kind, "--delete", chain, *rule)
            yield name


@contextmanager
def engine() -> Iterator[Engine]:
    """Run a Docker daemon for the duration of the block; its containers and files are removed afterwards.

    With TESTS_ENGINE=unix://…, use a running daemon, which is faster while writing tests.

    Raises:
        EngineMissingError: This machine cannot run a daemon.
    """
    if running := os.environ.get("TESTS_ENGINE"):
        yield Engine(running, Path(running.removeprefix("unix://")).parent)
        return
    install(PROGRAMS)
    with (
        tempfile.TemporaryDirectory(prefix="engine-", ignore_cleanup_errors=True) as folder,
        _kept_data() as (kept, locks),
    ):
        socket = f"unix://{folder}/docker.sock"
        command = _command(Path(folder), socket, kept or Path(folder, "data"))
        with Path(folder, "dockerd.log").open("wb") as log:
            # The daemon inherits the lock, so that no other test uses its data while it runs, even after these tests.
            daemon = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, pass_fds=locks)
        try:
            _wait_until_it_responds(daemon, socket, Path(folder))
            if kept:
                _sweep(Engine(socket, Path(folder)))
            yield Engine(socket, Path(folder))
        finally:
            _stop(daemon, Engine(socket, Path(folder)))


@contextmanager
def _kept_data() -> Iterator[tuple[Path | None, tuple[int, ...]]]:
    """Yield the folder of images from earlier runs and its lock; None if the disk is full or other tests use it."""
    folder = engine_base.cache() / "engine"
    if shutil.disk_usage(engine_base.cache()).free < IMAGE_SPACE_BYTES:
        yield None, ()
        return
    with (engine_base.cache() / "engine.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None, ()
            return
        yield folder, (lock.fileno(),)


def _sweep(engine: Engine) -> None:
    """Remove leftovers of killed tests, and images and bytecode of hosts that are older than a week.

    Otherwise the folder would grow: bytecode is named by its path, which a change of versions makes another one.
    """
    _remove_containers(engine)
    engine.docker("network", "prune", "--force")
    engine.docker("image", "prune", "--force", "--all", "--filter", f"until={_KEPT_HOURS}h")
    engine_base.sweep(engine_base.bytecode(), _KEPT_HOURS)


def install(programs: Mapping[str, str]) -> None:
    """Install the missing programs.

    Args:
        programs: Program → its Debian package.

    Raises:
        EngineMissingError: Programs are missing, and this is not root on Debian.
    """
    missing = sorted({package for program, package in programs.items() if not shutil.which(program, path=_path())})
    if not missing:
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise EngineMissingError(
            f"these tests need {', '.join(missing)}: run as root apt-get install {' '.join(missing)}"
        )
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    locks = ("-o", "DPkg::Lock::Timeout=300")
    run("apt-get", "update", "-qq", environment=quiet)
    run("apt-get", "install", "-qq", "--yes", "--no-install-recommends", *locks, *missing, environment=quiet)


def run(*command: str, stdin: str | None = None, environment: dict[str, str] | None = None) -> str:
    """Run a command and return its output.

    Raises:
        CommandFailedError: The command failed.
    """
    environment = {**(environment or os.environ), "PATH": _path()}
    done = subprocess.run(
        command, input=stdin, capture_output=True, text=True, check=False, env=environment, errors="replace"
    )
    if done.returncode:
        raise CommandFailedError(
            f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
        )
    return done.stdout


def _path() -> str:
    return f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin{os.pathsep}/sbin"


def _command(folder: Path, socket: str, data: Path) -> Sequence[str]:
    dockerd = shutil.which("dockerd", path=_path())
    assert dockerd
    # No default bridge and no firewall rules, so that another Docker on this machine is not disturbed.
    return [
        *(dockerd, "--host", socket, "--data-root", str(data), "--exec-root", f"{folder}/exec"),
        *("--pidfile", f"{folder}/dockerd.pid", "--bridge", "none", "--iptables=false", "--ip6tables=false"),
    ]


def _wait_until_it_responds(daemon: "subprocess.Popen[bytes]", socket: str, folder: Path) -> None:
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while True:
        try:
            run("docker", "--host", socket, "version")
        except CommandFailedError as error:
            if daemon.poll() is not None or time.monotonic() > deadline:
                log = (folder / "dockerd.log").read_text(errors="replace")[-4000:]
                raise EngineMissingError(f"dockerd does not run on this machine: {error}\n{log}") from None
            time.sleep(0.2)
        else:
            return


def _stop(daemon: "subprocess.Popen[bytes]", engine: Engine) -> None:
    if daemon.poll() is None:
        _remove_containers(engine)
        daemon.terminate()
    try:
        daemon.wait(_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()


def _remove_containers(engine: Engine) -> None:
    containers = engine.docker("ps", "--all", "--quiet").split()
    if containers:
        engine.docker("rm", "--force", "--volumes", *containers)
