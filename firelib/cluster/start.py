"""Start Ray on all hosts of a cluster file, and wait until each of them is a node."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from firelib.cluster.autoscaler_state import update_workers
from firelib.cluster.head_api import HeadUnavailableError, read_jobs, read_nodes
from firelib.cluster.ray_commands import run_ray, up_command
from firelib.cluster.raylets import find_lost, list_raylets
from firelib.cluster.setup_lock import hold_setup_lock
from firelib.cluster.ssh import check_hosts, list_hosts
from firelib.cluster.tunnel import open_tunnel
from firelib.console import note
from firelib.errors import FirelibError
from firelib.ray_setup.cluster_file import ClusterFile

_ATTEMPTS = 3
_POLL_SECONDS = 2.0
# A fresh Ray needs a while, on busy hosts many seconds.
_ANSWER_SECONDS = 60.0


class MissingNodesError(FirelibError):
    """Hosts of the cluster file did not become nodes in time."""


@dataclass(frozen=True)
class Running:
    """The Ray that runs on a head.

    Attributes:
        nodes: Private address → ids of the nodes there that Ray considers alive; empty if no Ray runs.
        jobs: Ids of the jobs that wait or run.
    """

    nodes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    jobs: tuple[str, ...] = ()


def read_running(file: ClusterFile) -> Running:
    """Read which nodes and jobs the head has now. A Ray that was just started gets a minute to answer.

    Raises:
        HostUnreachableError: The login to the head failed.
        HeadUnavailableError: Ray runs there, or may run, but its dashboard does not answer: its jobs are not known.
        FirelibError: The head refuses the token.
    """
    deadline = time.monotonic() + _ANSWER_SECONDS
    with open_tunnel(file) as tunnel:
        while True:
            try:
                return _read(tunnel.url)
            except HeadUnavailableError as error:
                raylets = list_raylets(file, file.provider.head_ip)
                if raylets == frozenset():
                    return Running()
                if raylets is None:
                    raise _hidden_ray(file, error) from None
                if time.monotonic() > deadline:
                    raise _hidden_jobs(file, error) from None
            time.sleep(_POLL_SECONDS)


def _read(url: str) -> Running:
    nodes: dict[str, frozenset[str]] = {}
    for node in read_nodes(url):
        if node.is_alive:
            nodes[node.address] = nodes.get(node.address, frozenset()) | {node.node_id}
    return Running(nodes, tuple(job.job_id for job in read_jobs(url) if job.is_active))


def _hidden_ray(file: ClusterFile, error: HeadUnavailableError) -> HeadUnavailableError:
    return HeadUnavailableError(
        f"the head does not tell whether Ray runs (pgrep failed), and its dashboard does not answer: {error.headline}",
        where=f"cluster {file.cluster_name}",
        remedy="make cluster-setup installs pgrep; then run it again",
    )


def _hidden_jobs(file: ClusterFile, error: HeadUnavailableError) -> HeadUnavailableError:
    return HeadUnavailableError(
        f"Ray runs on the head, but its dashboard does not tell whether jobs run: {error.headline}",
        where=f"cluster {file.cluster_name}",
        remedy="wait, then run it again; if this Ray is broken: make cluster-down cluster-up",
    )


def start_cluster(path: Path, file: ClusterFile, restart: bool, timeout: float) -> list[str]:
    """Start Ray where it does not run yet, and wait for all nodes. Jobs that run go on, unless `restart` is set.

    Args:
        path: The cluster file.
        file: Its content.
        restart: Whether to start a running Ray anew, for changed start commands or another version.
        timeout: Seconds that the nodes have to join, in each of three attempts.

    Returns:
        Addresses of the nodes.

    Raises:
        HostUnreachableError: The login to some hosts failed; nothing was started.
        HeadUnavailableError: A Ray runs whose jobs are not known, since its dashboard does not answer.
        MissingNodesError: Some hosts did not become nodes; the error names all of them.
        ClusterLockedError: Another command is changing the cluster.
        FirelibError: A host belongs to another cluster, the head refuses the token, or restarting Ray would end jobs.
    """
    hosts = list_hosts(file)
    check_hosts(file, hosts)
    running = read_running(file)
    if restart and running.jobs:
        raise _jobs_would_end(file, running.jobs)
    if not restart and not _find_missing(file, running):
        note("all nodes are alive already (--restart starts Ray anew)")
        return hosts
    with hold_setup_lock(path, file):
        return _start_missing(path, file, restart or not _has_head(file, running), timeout)


def _start_missing(path: Path, file: ClusterFile, is_new: bool, timeout: float) -> list[str]:
    """Run `ray up` until all hosts are nodes; `is_new` starts Ray anew."""
    hosts = list_hosts(file)
    if not is_new:
        update_workers(file)
    for attempt in range(1, _ATTEMPTS + 1):
        code = run_ray(up_command(path, restart=is_new), file)
        missing = wait_for_nodes(file, timeout if code == 0 else 0)
        if not missing:
            return hosts
        note(f"attempt {attempt} of {_ATTEMPTS}: {_describe(code, missing)}")
        is_new = is_new and missing == hosts
    raise _missing_nodes(file, missing)


def _has_head(file: ClusterFile, running: Running) -> bool:
    """Whether Ray runs on the head, so that jobs may run. Otherwise it may be started anew until it answers.

    Without a node on the head, which jobs need, Ray can only be started anew, even if its other processes run.
    """
    if not running.nodes:
        return False
    is_lost = list_raylets(file, file.provider.head_ip) == frozenset()
    if is_lost and running.jobs:
        raise _head_lost(file, running.jobs)
    return not is_lost


def _describe(code: int, missing: Sequence[str]) -> str:
    return f"ray up ended with exit code {code}" if code else f"missing: {', '.join(missing)}"


def wait_for_nodes(file: ClusterFile, timeout: float) -> list[str]:
    """Wait until all hosts of a cluster are alive as nodes.

    Args:
        file: The cluster file.
        timeout: Limit in seconds.

    Returns:
        Hosts that are not alive at the end of the time; empty if all are.

    Raises:
        HostUnreachableError: The login to the head failed.
    """
    deadline, awaited = time.monotonic() + timeout, list[str]()
    with open_tunnel(file) as tunnel:
        while missing := _missing(tunnel.url, file):
            if time.monotonic() > deadline:
                break
            if missing != awaited:
                note(f"waiting for nodes: {', '.join(missing)}")
            awaited = missing
            time.sleep(_POLL_SECONDS)
    return missing


def _missing(url: str, file: ClusterFile) -> list[str]:
    try:
        return _find_missing(file, _read(url))
    except HeadUnavailableError:
        return list_hosts(file)


def _find_missing(file: ClusterFile, running: Running) -> list[str]:
    """Hosts that are not nodes; where Ray says that all are, those whose node has just been lost."""
    unlisted = [host for host in list_hosts(file) if host not in running.nodes]
    return unlisted or find_lost(file, running.nodes)


def _jobs_would_end(file: ClusterFile, jobs: Sequence[str]) -> FirelibError:
    return FirelibError(
        f"restarting Ray would end {len(jobs)} jobs that wait or run: {', '.join(jobs)}",
        where=f"cluster {file.cluster_name}",
        remedy="wait for them, or cancel them with firelib cancel ID",
    )


def _head_lost(file: ClusterFile, jobs: Sequence[str]) -> FirelibError:
    return FirelibError(
        f"Ray's node on the head has ended, but Ray says that {len(jobs)} jobs wait or run: {', '.join(jobs)}",
        where=f"cluster {file.cluster_name}",
        remedy="make cluster-down cluster-up ends them and starts Ray anew",
    )


def _missing_nodes(file: ClusterFile, missing: Sequence[str]) -> MissingNodesError:
    return MissingNodesError(
        f"not nodes of the cluster: {', '.join(missing)}",
        where=f"cluster {file.cluster_name}",
        remedy="ray monitor FILE shows why; make cluster-setup checks the hosts; then run make cluster-up again",
    )
