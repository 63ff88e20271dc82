"""One Ray node as a child of this process. `ray stop` is not used: it would end other Ray nodes of the host, too."""

import ipaddress
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from firelib.console import note
from firelib.errors import FirelibError
from firelib.launch.job_environment import EXPECTED_GPUS

_RAY_START = (sys.executable, "-m", "firelib.launch.runtime.ray_start")
_GRACE_SECONDS = 5.0
_RETRY_SECONDS = 5.0
_START_SECONDS = 120.0
_ELSEWHERE = "192.0.2.1"  # reserved for documentation (RFC 5737): the default route leads there

Node = subprocess.Popen[bytes]


def own_address(host: str) -> str:
    """Return the address of this host on the network that leads to another host.

    Args:
        host: A host name of the job's network: this host, or another replica. A name that does not resolve yet (a
            pod's name in its first seconds) selects the address of this host's own name.
    """
    return _source_address(host) or socket.gethostbyname(socket.gethostname())


def head_address(host: str) -> str:
    """Return the address under which the other replicas reach this host, which is replica 0.

    Args:
        host: The host name of replica 0 on the job's network. Its address is loopback where `/etc/hosts` gives the
            host's own name to 127.0.1.1; the address of the default route then takes precedence.

    Raises:
        FirelibError: All addresses are loopback, which leads every other replica to itself. If the host is named by
            such an address, all replicas are on this machine, and there is no error.
    """
    address = own_address(host)
    if not _is_loopback(address) or _is_loopback(host):
        return address
    routed = _source_address(_ELSEWHERE)
    if routed and not _is_loopback(routed):
        return routed
    raise FirelibError(
        f"the only address of replica 0 is loopback ({address}), which no other replica can reach",
        where=f"host {host}, {socket.gethostname()}",
        remedy="give the container or machine a network that the replicas share, and its address to the host's name",
    )


def _source_address(host: str) -> str | None:
    """Return the address from which this host would send to another one; None if its name or route is unknown."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, 9))  # a datagram socket sends nothing here
        except OSError:
            return None
        return str(probe.getsockname()[0])


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def resource_arguments(environ: Mapping[str, str]) -> list[str]:
    """Return the arguments of `ray start` for the node's cores and GPUs, where the job states them.

    Args:
        environ: The variables of this process: `FIRELIB_NUM_CPUS` limits the cores. Ray is told the number of GPUs that
            the job has requested, since it would find none where it does not find the driver's library.
    """
    amounts = {"cpus": environ.get("FIRELIB_NUM_CPUS"), "gpus": environ.get(EXPECTED_GPUS)}
    return [f"--num-{name}={amount}" for name, amount in amounts.items() if amount]


@contextmanager
def ray_node(token: str, arguments: Sequence[str], attempts: int = 1) -> Iterator[Node]:
    """Run a Ray node for the duration of the block.

    Args:
        token: The cluster's token. It reaches the node in a private file, never in argv.
        arguments: Arguments of `ray start` in addition to the ones that all nodes have.
        attempts: How many times to start the node. On a busy machine, a start can exceed the limits that Ray sets for
            its own processes, and the next one succeeds.

    Yields:
        The process of the node.

    Raises:
        FirelibError: The node did not start.
    """
    with tempfile.TemporaryDirectory(prefix="node") as folder, private_token(token) as file:
        node = _start_with_retries([*_RAY_START, *arguments], file, Path(folder, "log"), attempts)
        try:
            yield node
        finally:
            _end(node)


@contextmanager
def private_token(token: str) -> Iterator[Path]:
    """Write the token to a file with mode 600 for the duration of the block."""
    with tempfile.NamedTemporaryFile("w", prefix="token") as file:  # tempfile sets mode 600
        file.write(token)
        file.flush()
        yield Path(file.name)


def _start_with_retries(command: Sequence[str], token_file: Path, log: Path, attempts: int) -> Node:
    for attempt in range(2, attempts + 1):
        try:
            return _start(command, token_file, log)
        except FirelibError as error:
            note(f"{error}\nstarting Ray again, attempt {attempt} of {attempts}")
            time.sleep(_RETRY_SECONDS)
    return _start(command, token_file, log)


def _start(command: Sequence[str], token_file: Path, log: Path) -> Node:
    """Start a node and wait until it is up; end what a failed start has left."""
    environment = {**os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token_file)}
    environment.pop("RAY_ADDRESS", None)
    with log.open("wb") as output:
        node = subprocess.Popen(  # noqa: S603  # Ray's own program
            command, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        _wait_for_start(node, log)
    except BaseException:
        _end(node)
        raise
    return node


def _wait_for_start(node: Node, log: Path) -> None:
    """Wait for the line that `ray start --block` prints when the node is up."""
    deadline = time.monotonic() + _START_SECONDS
    while b"Ray runtime started" not in log.read_bytes():
        if node.poll() is not None or time.monotonic() > deadline:
            last_lines = log.read_text(errors="replace").strip().splitlines()[-5:]
            raise FirelibError(
                "a Ray node did not start: " + " / ".join(last_lines),
                where=socket.gethostname(),
                remedy="check that the head is reachable and that all replicas run the same version of Ray",
            )
        time.sleep(0.1)


def _end(node: Node) -> None:
    """End a node and all its child processes."""
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
