"""Wait until VMs accept logins over SSH."""

import socket
import time
from contextlib import suppress
from ipaddress import IPv4Address

from firelib.console import note
from firelib.errors import FirelibError
from firelib.vms.guest.processes import find_guests
from firelib.vms.plan import Vm, VmCluster

_PORT = 22
_POLL_SECONDS = 0.5
_GREETING_SECONDS = 60.0  # an emulated CPU on a busy machine took 23
_BANNER = b"SSH-"
_CONSOLE_BYTES = 1500


def wait_for_ssh(cluster: VmCluster, timeout: float) -> None:
    """Wait until every VM answers on its SSH port.

    Args:
        cluster: The VMs, all of which have been started.
        timeout: Seconds for all of them.

    Raises:
        FirelibError: A VM powered off or did not answer in time; the error contains the end of its console.
    """
    deadline, is_told = time.monotonic() + timeout, False
    for vm in cluster.vms:
        while not answers(vm.address):
            if not is_told:
                note(f"waiting until the VMs accept logins, at most {timeout:g} s")
            is_told = True
            if str(vm.address) not in find_guests(cluster.name, cluster.own_folder):
                raise _failure(vm, "has powered off while it booted")
            if time.monotonic() > deadline:
                raise _failure(vm, f"does not answer on port {_PORT} after {timeout:g} s")
            time.sleep(_POLL_SECONDS)


def answers(address: IPv4Address) -> bool:
    """Whether an SSH server greets at an address: a port may be open before the server is ready."""
    with suppress(OSError), socket.create_connection((str(address), _PORT), timeout=_GREETING_SECONDS) as connection:
        return connection.recv(len(_BANNER)) == _BANNER
    return False


def _failure(vm: Vm, what: str) -> FirelibError:
    try:
        console = vm.console.read_bytes()[-_CONSOLE_BYTES:].decode(errors="replace")
    except OSError:
        console = ""
    return FirelibError(
        f"VM {vm.address} {what}; the end of its console:\n{console or 'nothing'}",
        where=str(vm.console),
        remedy="emulation on a busy machine is slow: run the same command again, or raise --timeout",
    )
