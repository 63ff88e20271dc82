"""The state of a host, read over SSH: since when it runs, since when it is idle, and when it powers off."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from firelib.cluster.ssh import HostUnreachableError, ask_hosts, list_hosts, run_on_host
from firelib.ray_setup.cluster_file import ClusterFile

_SECONDS = 20.0
# Role `autostop` keeps both files: the time since which the host is idle, and the minutes until it powers off.
_COMMAND = """
echo now $(date +%s)
echo up $(cut -d ' ' -f 1 /proc/uptime)
echo idle $(cat /run/firelib-autostop 2>/dev/null)
echo autostop $(sed -n 's/.*--minutes \\([0-9]*\\).*/\\1/p' /etc/systemd/system/firelib-autostop.service 2>/dev/null)
echo gpus $(nvidia-smi --list-gpus 2>/dev/null | grep -c ^GPU)
echo raylets $(pgrep -c -f 'ray/[r]aylet/raylet' 2>/dev/null)
"""
_LINE = re.compile(r"^(\w+) ([\d.]+)$", re.MULTILINE)
_CHECK_SECONDS = 90  # autostop looks every minute; a host that it found busy last time has a younger time of idleness


@dataclass(frozen=True)
class HostState:
    """A host, or why it does not answer.

    Attributes:
        address: Its private address.
        problem: Why it could not be asked; empty if it answered.
        now: Its clock, in seconds since the epoch.
        started: Its last start, in seconds since the epoch.
        idle_since: When autostop first found it idle; None if it is busy, or has no autostop.
        autostop_minutes: Idle minutes after which it powers off; None if it does not.
        gpus: Number of GPUs that its driver lists.
        has_raylet: Whether a node of Ray runs there; True if the host cannot tell.
    """

    address: str
    problem: str = ""
    now: float = 0.0
    started: float | None = None
    idle_since: float | None = None
    autostop_minutes: int | None = None
    gpus: int = 0
    has_raylet: bool = True

    @property
    def stops_at(self) -> float | None:
        """When it powers off if it stays idle, in seconds since the epoch."""
        if self.idle_since is None or self.autostop_minutes is None:
            return None
        return self.idle_since + 60 * self.autostop_minutes


def read_host_states(file: ClusterFile) -> list[HostState]:
    """Read the states of all hosts of a cluster, several at the same time."""
    return ask_hosts(list_hosts(file), lambda address: _read(file, address))


def _read(file: ClusterFile, address: str) -> HostState:
    try:
        said = run_on_host(file, address, _COMMAND, _SECONDS).stdout
    except HostUnreachableError as error:
        return HostState(address, error.headline)
    return parse_host_state(address, said)


def parse_host_state(address: str, said: str) -> HostState:
    r"""The state of a host that has answered.

    Args:
        address: Its private address.
        said: Lines of a name and a number; a line without a number means that the host does not know.

    Example:
        >>> parse_host_state("10.10.0.10", "now 1000\nup 400.5\nidle\nautostop\ngpus 1").started
        599.5
    """
    known: Mapping[str, float] = {name: float(value) for name, value in _LINE.findall(said)}
    if "now" not in known or "up" not in known:
        return HostState(address, "it answered, but not with its state")
    idle, minutes = known.get("idle"), known.get("autostop")
    is_idle = idle is not None and known["now"] - idle > _CHECK_SECONDS
    return HostState(
        address,
        now=known["now"],
        started=known["now"] - known["up"],
        idle_since=idle if is_idle else None,
        autostop_minutes=None if minutes is None else int(minutes),
        gpus=int(known.get("gpus", 0)),
        has_raylet=known.get("raylets") != 0,
    )
