"""An SSH tunnel from a loopback port to the dashboard of a cluster's head, which listens on a private address only."""

import atexit
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock

from firelib.cluster.ssh import ssh_command, unreachable
from firelib.errors import FirelibError
from firelib.ray_setup.cluster_file import ClusterFile, read_cluster_file
from firelib.ray_setup.loopback import LOOPBACK

DASHBOARD_PORT = 8265
#: Prefix of an address that names a cluster file; the rest is its path.
SCHEME = "cluster:"

_OPEN_SECONDS = 30.0
_POLL_SECONDS = 0.05
_END_SECONDS = 5.0


class Tunnel:
    """A running tunnel.

    ssh keeps it open while `cat` runs on the head, and `cat` ends when this process does, even if it is killed: its
    standard input is a pipe from here. Ctrl-C does not reach ssh, so that a command can still use it to cancel a job.
    """

    def __init__(self, file: ClusterFile, port: int = 0) -> None:
        """Open a tunnel.

        Args:
            file: The cluster file.
            port: Port on loopback; 0 chooses a free one.

        Raises:
            HostUnreachableError: The head does not let the caller in.
            FirelibError: The port is taken.
        """
        self.port = port or _find_free_port()
        if port and not _is_free(port):
            raise FirelibError(f"port {port} is taken", where=LOOPBACK, remedy="choose another one with --port")
        self._file = file
        self._process = subprocess.Popen(  # noqa: S603  the file is the user's own
            _argv(file, self.port),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._wait_until_open()

    @property
    def url(self) -> str:
        """URL of the dashboard on this machine."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def is_open(self) -> bool:
        """Whether ssh still runs."""
        return self._process.poll() is None

    def wait(self) -> None:
        """Block until ssh ends, for instance because the network was lost."""
        self._process.wait()

    def close(self) -> None:
        """End ssh."""
        self._process.terminate()
        with suppress(OSError, subprocess.TimeoutExpired):
            self._process.communicate(timeout=_END_SECONDS)
        if self.is_open:
            self._process.kill()
            self._process.communicate()

    def _wait_until_open(self) -> None:
        deadline = time.monotonic() + _OPEN_SECONDS
        while time.monotonic() < deadline and self.is_open:
            if not _is_free(self.port):  # ssh listens once it has logged in
                return
            time.sleep(_POLL_SECONDS)
        self._process.terminate()
        said = self._process.communicate()[1]
        raise unreachable(self._file, self._file.provider.head_ip, said)


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
        HostUnreachableError: The head does not let the caller in.
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
        HostUnreachableError: The head does not let the caller in.
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
