"""One Ray node as a child of this process: started, waited for, ended, without `ray stop`, which ends others' too."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from firelib.errors import FirelibError

_GRACE_SECONDS = 5.0
_START_SECONDS = 120.0


def own_address(host: str) -> str:
    """The address under which other replicas reach this host: that of the interface towards a host of theirs.

    Args:
        host: A name of the same network, this host's own or another's. One that nobody knows yet (a pod's name, in its
            first seconds) leaves this host's own name.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, 9))  # sends nothing
        except OSError:
            return socket.gethostbyname(socket.gethostname())
        return str(probe.getsockname()[0])


@contextmanager
def ray_node(token: str, arguments: Sequence[str]) -> Iterator["subprocess.Popen[bytes]"]:
    """A node that runs for the time of the block.

    Args:
        token: What the cluster's nodes ask for; passed on in a private file, never in argv.
        arguments: Of `ray start`, beside those that are the same for all.

    Raises:
        FirelibError: It has ended before it was up.
    """
    folder = tempfile.TemporaryDirectory(prefix="node")
    with folder, private_token(token) as file:
        log = Path(folder.name, "log")
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats"]
        environment = {**os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(file)}
        environment.pop("RAY_ADDRESS", None)
        with log.open("wb") as output:
            node = subprocess.Popen(  # noqa: S603  # Ray's own program
                [*command, *arguments], env=environment, stdout=output, stderr=subprocess.STDOUT
            )
        try:
            _wait(node, log)
            yield node
        finally:
            _end(node)


@contextmanager
def private_token(token: str) -> Iterator[Path]:
    """A file with the token, mode 600, for the time of the block."""
    with tempfile.NamedTemporaryFile("w", prefix="token") as file:  # Python makes it with mode 600
        file.write(token)
        file.flush()
        yield Path(file.name)


def _wait(node: "subprocess.Popen[bytes]", log: Path) -> None:
    """`ray start --block` says when the node is up."""
    deadline = time.monotonic() + _START_SECONDS
    while b"Ray runtime started" not in log.read_bytes():
        if node.poll() is not None or time.monotonic() > deadline:
            said = log.read_text(errors="replace").strip().splitlines()[-5:]
            raise FirelibError(
                "a Ray node did not start: " + " / ".join(said),
                where=socket.gethostname(),
                remedy="it is tried again; is the head reachable, and its version of Ray the same?",
            )
        time.sleep(0.1)


def _end(node: "subprocess.Popen[bytes]") -> None:
    """End a node with all its workers."""
    with suppress(psutil.NoSuchProcess):
        tree = psutil.Process(node.pid).children(recursive=True)
        for process in tree:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        _, alive = psutil.wait_procs(tree, timeout=_GRACE_SECONDS)
        for process in alive:
            with suppress(psutil.NoSuchProcess):
                process.kill()
    with suppress(subprocess.TimeoutExpired):
        node.wait(_GRACE_SECONDS)
    if node.poll() is None:
        node.send_signal(signal.SIGKILL)
    node.wait()
