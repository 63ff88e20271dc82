"""An SSH tunnel from a loopback port to the dashboard of a cluster's head, which listens on a private address only."""

import atexit
import os
import selectors
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import NoReturn

from firelib.cluster.ssh import HostUnreachableError, connect_seconds, find_ssh, ssh_command, unreachable
from firelib.errors import FirelibError
from firelib.ray_setup.cluster_file import ClusterFile, read_cluster_file
from firelib.ray_setup.loopback import LOOPBACK

DASHBOARD_PORT = 8265
#: Prefix of an address that names a cluster file; the rest is its path.
SCHEME = "cluster:"

_OPEN_SECONDS = 30.0  # after the login
_END_SECONDS = 5.0
_ECHO = b"firelib-tunnel-is-open\n"


class Tunnel:
    """A running tunnel.

    ssh keeps it open while `cat` runs on the head, and `cat` ends when this process does, even if it is killed: its
    standard input is a pipe from here. Ctrl-C does not reach ssh, so that a command can still use it to cancel a job.
    The tunnel is open once `cat` has answered: ssh begins to listen before it runs a command, and ends if it cannot.
    That something listens on the port would prove nothing, since it may be a program of somebody else.
    """

    def __init__(self, file: ClusterFile, port: int = 0) -> None:
        """Open a tunnel.

        Args:
            file: The cluster file.
            port: Port on loopback; 0 chooses a free one.

        Raises:
            HostUnreachableError: The login to the head failed.
            FirelibError: The port is taken.
        """
        self.port = port or _find_free_port()
        if port and not _is_free(port):
            raise FirelibError(f"port {port} is taken", where=LOOPBACK, remedy="choose another one with --port")
        find_ssh()
        self._file = file
        # Not a pipe: ssh writes a line for each connection that the head refuses, and would wait when a pipe is full.
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  open as long as ssh runs
        self._process = subprocess.Popen(  # noqa: S603  the file is the user's own
            _argv(file, self.port),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            bufsize=0,
            start_new_session=True,
        )
        if not self._answers():
            self.close()
            raise self._describe_failure()

    @property
    def url(self) -> str:
        """URL of the dashboard on this machine."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def is_open(self) -> bool:
        """Whether ssh still runs."""
        return self._process.poll() is None

    def wait(self) -> NoReturn:
        """Block until ssh ends.

        Raises:
            HostUnreachableError: ssh has ended, for instance because the network was lost.
        """
        self._process.wait()
        raise self._describe_failure()

    def close(self) -> None:
        """End ssh."""
        self._process.terminate()
        with suppress(OSError, subprocess.TimeoutExpired):
            self._process.communicate(timeout=_END_SECONDS)
        if self.is_open:
            self._process.kill()
            self._process.communicate()

    def _answers(self) -> bool:
        """Whether `cat` on the head sends a line back in time, possibly after what the user's shell prints there."""
        assert self._process.stdin is not None  # both are pipes
        assert self._process.stdout is not None
        deadline, said = time.monotonic() + connect_seconds(self._file) + _OPEN_SECONDS, b""
        with suppress(BrokenPipeError):  # ssh has ended already
            self._process.stdin.write(_ECHO)
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while _ECHO not in said and selector.select(max(0.0, deadline - time.monotonic())):
                if not (received := os.read(self._process.stdout.fileno(), 4096)):
                    return False
                said += received
        return _ECHO in said

    def _describe_failure(self) -> HostUnreachableError:
        self._errors.seek(0)
        return unreachable(self._file, self._file.provider.head_ip, self._errors.read().decode(errors="replace"))


def _argv(file: ClusterFile, port: int) -> list[str]:
    head = file.provider.head_ip
    options = {"BatchMode": "yes", "ExitOnForwardFailure": "yes", "ServerAliveInterval": "10", "ControlPath": "none"}
    given = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    return [*ssh_command(file, head, *given, "-T", "-L", f"{LOOPBACK}:{port}:{head}:{DASHBOARD_PORT}"), "cat"]


def _find_free_port() -> int:
    with socket.socket() as found:
        found.bind((LOOPBACK, 0))
        return int(found.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) != 0


@contextmanager
def open_tunnel(file: ClusterFile, port: int = 0) -> Iterator[Tunnel]:
    """Keep a tunnel to the dashboard open during the block.

    Args:
        file: The cluster file.
        port: Port on loopback; 0 chooses a free one.

    Raises:
        HostUnreachableError: The login to the head failed.
        FirelibError: The port is taken.
    """
    tunnel = Tunnel(file, port)
    try:
        yield tunnel
    finally:
        tunnel.close()


_tunnels: dict[str, Tunnel] = {}  # path of a cluster file → the tunnel of this process
_opening = Lock()


def resolve_address(address: str) -> str:
    """The URL of a dashboard; for `cluster:PATH`, that of a tunnel, which stays open until this process ends.

    Args:
        address: A URL, or `cluster:` and the path of a cluster file.

    Raises:
        HostUnreachableError: The login to the head failed.
        FirelibError: The cluster file is invalid.

    Example:
        >>> resolve_address("http://10.10.0.10:8265")
        'http://10.10.0.10:8265'
    """
    if not address.startswith(SCHEME):
        return address
    path = address.removeprefix(SCHEME)
    with _opening:
        if path not in _tunnels or not _tunnels[path].is_open:  # ssh ends when the network is lost
            _tunnels[path] = Tunnel(read_cluster_file(Path(path)))
            atexit.register(_tunnels[path].close)
        return _tunnels[path].url


def make_absolute(address: str) -> str:
    """The same address for every current folder.

    Example:
        >>> make_absolute("http://10.10.0.10:8265")
        'http://10.10.0.10:8265'
    """
    if not address.startswith(SCHEME):
        return address
    return f"{SCHEME}{Path(address.removeprefix(SCHEME)).expanduser().absolute()}"
