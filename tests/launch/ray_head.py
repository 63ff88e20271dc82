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
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.patience import patience, wait_until

_START_SECONDS = 120.0


@dataclass(frozen=True)
class Head:
    """A running head."""

    address: str
    token_file: Path
    shared: Path  # the storage root of all its jobs
    pid: int

    def environment(self) -> dict[str, str]:
        """Variables of a caller that sends jobs to it."""
        return {
            "RAY_AUTH_TOKEN_PATH": str(self.token_file),
            "FIRELIB_RAY_ADDRESS": self.address,
            "FIRELIB_STORAGE_ROOT": str(self.shared),
        }


def free_ports(count: int) -> list[int]:
    """Find ports that nobody listens on now."""
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
    """Start a head, wait until its dashboard answers, and end all its processes afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="head"))  # short: sockets lie in it
    token = folder / "token"
    token.write_text(secrets.token_hex(32))
    token.chmod(0o600)
    shared = folder / "shared"
    shared.mkdir()
    gcs, dashboard, agent, grpc, client, metrics = free_ports(6)
    command = [
        *(str(Path(sys.executable).with_name("ray")), "start", "--head", "--block", "--disable-usage-stats"),
        *("--node-ip-address=127.0.0.1", "--dashboard-host=127.0.0.1", f"--temp-dir={folder}/ray"),
        *(f"--num-cpus={cpus}", f"--port={gcs}", f"--dashboard-port={dashboard}", f"--metrics-export-port={metrics}"),
        *(f"--dashboard-agent-listen-port={agent}", f"--dashboard-agent-grpc-port={grpc}"),
        *(f"--ray-client-server-port={client}", f"--object-store-memory={200 * 2**20}"),
    ]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    auth = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, env={**os.environ, **auth, "PATH": path}, stdout=log, stderr=subprocess.STDOUT, cwd=folder
        )
    try:
        head = Head(f"http://127.0.0.1:{dashboard}", token, shared, process.pid)
        _wait(head, process, folder / "log")
        yield head
    finally:
        _end(process)
        shutil.rmtree(folder, ignore_errors=True)


def _wait(head: Head, process: "subprocess.Popen[bytes]", log: Path) -> None:
    request = urllib.request.Request(
        f"{head.address}/api/jobs/", headers={"Authorization": f"Bearer {head.token_file.read_text()}"}
    )

    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        with suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            urllib.request.urlopen(request, timeout=5).close()
            return True
        return False

    wait_until(answers, _START_SECONDS, f"the head's dashboard answers; its log is {log}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End the head; kill the children that `ray start --block` does not end on SIGTERM."""
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
