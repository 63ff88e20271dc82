"""A real Ray head with dashboard and token, on loopback, with its own ports and folders."""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.patience import patience, wait_until

_START_SECONDS = 120.0


@dataclass(frozen=True)
class Head:
    """A running head.

    Attributes:
        address: URL of the dashboard.
        token_file: File with the token.
        shared: Storage root of all its jobs.
        pid: Process id.
        agent: URL of the agent of its node, which tells Kubernetes whether the node is healthy.
    """

    address: str
    token_file: Path
    shared: Path
    pid: int
    agent: str

    def environment(self) -> dict[str, str]:
        """Return the variables of a process that submits jobs to this head."""
        return {
            "RAY_AUTH_TOKEN_PATH": str(self.token_file),
            "FIRELIB_RAY_ADDRESS": self.address,
            "FIRELIB_STORAGE_ROOT": str(self.shared),
        }


def free_ports(count: int) -> list[int]:
    """Find ports that are free now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


@contextmanager
def ray_head(cpus: int = 2) -> Iterator[Head]:
    """Start a head, wait until it accepts jobs, and end all its processes afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="head"))  # short, because it contains sockets
    token = folder / "token"
    token.write_text(secrets.token_hex(32))
    token.chmod(0o600)
    (folder / "shared").mkdir()
    try:
        head, process = _started(folder, cpus)
        try:
            yield head
        finally:
            _end(process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _started(folder: Path, cpus: int) -> tuple[Head, "subprocess.Popen[bytes]"]:
    """Start Ray, at most three times.

    The raylet exits when its agents take longer than 15 s to start, a fixed limit (ray issue 65983). On a busy machine,
    their imports exceed it.
    """
    for _ in range(3):
        gcs, dashboard, agent, grpc, client, metrics = free_ports(6)
        ports = [f"--port={gcs}", f"--dashboard-port={dashboard}", f"--metrics-export-port={metrics}"]
        ports += [f"--dashboard-agent-listen-port={agent}", f"--dashboard-agent-grpc-port={grpc}"]
        process = _start(folder, [f"--num-cpus={cpus}", f"--ray-client-server-port={client}", *ports])
        head = Head(
            f"http://127.0.0.1:{dashboard}",
            folder / "token",
            folder / "shared",
            process.pid,
            f"http://127.0.0.1:{agent}",
        )
        if _is_up(head, process, folder / "log"):
            return head, process
        _end(process)
    raise AssertionError((folder / "log").read_text())


def _start(folder: Path, arguments: Sequence[str]) -> "subprocess.Popen[bytes]":
    command = [
        *(str(Path(sys.executable).with_name("ray")), "start", "--head", "--block", "--disable-usage-stats"),
        *("--node-ip-address=127.0.0.1", "--dashboard-host=127.0.0.1", f"--temp-dir={folder}/ray", "--no-monitor"),
        *(f"--object-store-memory={200 * 2**20}", *arguments),
    ]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    auth = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(folder / "token")}
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            command, env={**os.environ, **auth, "PATH": path}, stdout=log, stderr=subprocess.STDOUT, cwd=folder
        )


def _is_up(head: Head, process: "subprocess.Popen[bytes]", log: Path) -> bool:
    """Wait until a head accepts jobs or has ended; return whether it accepts jobs.

    The dashboard answers before the raylet's agents run; Ray writes "Ray runtime started" afterwards.
    """
    request = urllib.request.Request(
        f"{head.address}/api/jobs/", headers={"Authorization": f"Bearer {head.token_file.read_text()}"}
    )

    def answers() -> bool:
        with suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            urllib.request.urlopen(request, timeout=5).close()
            return b"Ray runtime started" in log.read_bytes()
        return False

    wait_until(lambda: process.poll() is not None or answers(), _START_SECONDS, f"Ray's head is up; its log is {log}")
    return process.poll() is None


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End the head, and kill the children that survive the SIGTERM to `ray start --block`."""
    with suppress(psutil.NoSuchProcess):
        tree = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience(5))
        for child in tree:
            with suppress(psutil.NoSuchProcess):
                child.kill()
        psutil.wait_procs(tree, timeout=patience(10))
    if process.poll() is None:
        process.kill()
    process.wait()
