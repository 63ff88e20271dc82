"""A container engine for tests: Docker's daemon with a folder, a socket and firewall rules of its own, gone afterwards.

Only images and the layers of builds stay for the next run on this machine, where the disk has room for them.

Its base image is made from the Debian packages that this machine would install, since no image registry is needed or
asked for. What the machine needs to reach packages (apt's sources, certificates, indexes, proxies) is read from the
machine at test time and never written into the repository.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import engine_base

# All that tests with containers, the playbooks and `ray up` call on this machine: program → package.
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
_PATIENCE = 60.0
_ROOM_FOR_IMAGES = 40 * 2**30
_KEPT_HOURS = 7 * 24


class EngineMissingError(RuntimeError):
    """What this machine lacks to run containers, and how to get it."""


class CommandFailedError(RuntimeError):
    """A command of the engine ended badly; holds what it said."""


@dataclass(frozen=True)
class Engine:
    """A running Docker daemon.

    Attributes:
        socket: Its address, for `DOCKER_HOST`.
        folder: All that it keeps.
    """

    socket: str
    folder: Path

    def docker(self, *arguments: str, stdin: str | None = None) -> str:
        """Run a `docker` command and return what it prints.

        Raises:
            CommandFailedError: With the command and what it said.
        """
        return run("docker", "--host", self.socket, *arguments, stdin=stdin)

    def base_image(self, *packages: str) -> str:
        """The name of an image: bare Debian with these packages; made once, then taken from the cache."""
        tarball, digest = engine_base.tarball(packages)
        name = f"firelib-test-base:{digest}"
        if not self.docker("images", "--quiet", name).strip():
            changes = [
                word for pair in engine_base.variables().items() for word in ("--change", "ENV {}={}".format(*pair))
            ]
            self.docker("import", *changes, str(tarball), name)
        return name

    @contextmanager
    def network(self, name: str, subnet: str) -> Iterator[str]:
        """A bridge network whose containers have fixed addresses and reach what this machine reaches.

        Args:
            name: Also the name of the bridge (15 characters at most).
            subnet: Like 172.30.5.0/24.
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
    """A Docker daemon for the time of the block; its containers and files are gone afterwards.

    With TESTS_ENGINE=unix://…, while tests are written, one that runs already and keeps its images.

    Raises:
        EngineMissingError: This machine cannot run one; says what to install.
    """
    if running := os.environ.get("TESTS_ENGINE"):
        yield Engine(running, Path(running.removeprefix("unix://")).parent)
        return
    install()
    with (
        tempfile.TemporaryDirectory(prefix="engine-", ignore_cleanup_errors=True) as folder,
        _kept_data() as (kept, locks),
    ):
        socket = f"unix://{folder}/docker.sock"
        command = _command(Path(folder), socket, kept or Path(folder, "data"))
        with Path(folder, "dockerd.log").open("wb") as log:
            # The daemon holds the lock too: one that outlives these tests keeps others away from its data.
            daemon = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, pass_fds=locks)
        try:
            _wait_until_it_answers(daemon, socket, Path(folder))
            if kept:
                _sweep(Engine(socket, Path(folder)))
            yield Engine(socket, Path(folder))
        finally:
            _stop(daemon, Engine(socket, Path(folder)))


@contextmanager
def _kept_data() -> Iterator[tuple[Path | None, tuple[int, ...]]]:
    """The folder of images from earlier runs and the lock on it, or nothing: the disk is full or other tests use it."""
    folder = engine_base.cache() / "engine"
    if shutil.disk_usage(engine_base.cache()).free < _ROOM_FOR_IMAGES:
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
    """Remove what killed tests left, and images of a week ago, so that the folder does not grow for ever."""
    _remove_containers(engine)
    engine.docker("network", "prune", "--force")
    engine.docker("image", "prune", "--force", "--all", "--filter", f"until={_KEPT_HOURS}h")


def install() -> None:
    """Install what is missing, when root on Debian.

    Raises:
        EngineMissingError: Not root, or no Debian.
    """
    missing = sorted({package for program, package in PROGRAMS.items() if not shutil.which(program, path=_path())})
    if not missing:
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise EngineMissingError(
            f"tests with containers need {', '.join(missing)}: as root, apt-get install {' '.join(missing)}"
        )
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    locks = ("-o", "DPkg::Lock::Timeout=300")
    run("apt-get", "update", "-qq", environment=quiet)
    run("apt-get", "install", "-qq", "--yes", "--no-install-recommends", *locks, *missing, environment=quiet)


def run(*command: str, stdin: str | None = None, environment: dict[str, str] | None = None) -> str:
    """Run a command and return its output; its failure says what it printed."""
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
    # No default bridge and no rules of its own: another Docker on this machine keeps what is its.
    return [
        *(dockerd, "--host", socket, "--data-root", str(data), "--exec-root", f"{folder}/exec"),
        *("--pidfile", f"{folder}/dockerd.pid", "--bridge", "none", "--iptables=false", "--ip6tables=false"),
    ]


def _wait_until_it_answers(daemon: "subprocess.Popen[bytes]", socket: str, folder: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            run("docker", "--host", socket, "version")
        except CommandFailedError as error:
            if daemon.poll() is not None or time.monotonic() > deadline:
                said = (folder / "dockerd.log").read_text(errors="replace")[-4000:]
                raise EngineMissingError(f"dockerd does not run here: {error}\n{said}") from None
            time.sleep(0.2)
        else:
            return


def _stop(daemon: "subprocess.Popen[bytes]", engine: Engine) -> None:
    if daemon.poll() is None:
        _remove_containers(engine)
        daemon.terminate()
    try:
        daemon.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()


def _remove_containers(engine: Engine) -> None:
    containers = engine.docker("ps", "--all", "--quiet").split()
    if containers:
        engine.docker("rm", "--force", "--volumes", *containers)
