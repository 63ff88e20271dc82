"""Which nodes really run on the hosts of a cluster, whatever Ray's list says.

Ray lists a node as alive until it notices its loss, which takes from a few seconds to a minute.
"""

import re
from collections.abc import Mapping

from firelib.cluster.ssh import HostUnreachableError, ask_hosts, list_hosts, run_on_host
from firelib.ray_setup.cluster_file import ClusterFile

#: Ids of the nodes that run on a host; None if the host cannot tell.
Raylets = frozenset[str] | None

_NONE: frozenset[str] = frozenset()
# [r] prevents pgrep from matching the shell that runs it.
_LIST = "pgrep -af 'ray/[r]aylet/raylet'"
_NONE_RUNS = 1  # pgrep's exit code; a host without pgrep has another one
_NODE_ID = re.compile(r"--node_id=(\w+)")


def list_raylets(file: ClusterFile, address: str) -> Raylets:
    """Ids of the nodes that run on a host.

    `ray start` starts a node last: an interrupted one leaves Ray's other processes without it.

    Args:
        file: The cluster file.
        address: Private address of the host.

    Raises:
        HostUnreachableError: The login failed.
    """
    done = run_on_host(file, address, _LIST)
    found = frozenset(_NODE_ID.findall(done.stdout))
    return found if found or done.returncode == _NONE_RUNS else None


def find_lost(file: ClusterFile, listed: Mapping[str, frozenset[str]]) -> list[str]:
    """Hosts that do not run the node that Ray lists for them, or do not answer.

    Args:
        file: The cluster file.
        listed: Private address → ids of the nodes there that Ray considers alive, for every host of the file.
    """
    hosts = list_hosts(file)
    found = ask_hosts(hosts, lambda address: _list_if_reachable(file, address))
    # Where the host cannot tell, Ray's list counts.
    return [
        address
        for address, raylets in zip(hosts, found, strict=True)
        if raylets is not None and raylets.isdisjoint(listed[address])
    ]


def _list_if_reachable(file: ClusterFile, address: str) -> Raylets:
    try:
        return list_raylets(file, address)
    except HostUnreachableError:
        return _NONE
