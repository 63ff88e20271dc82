"""The state of a cluster as tables for the terminal."""

import time
from collections.abc import Iterator

from firelib.cluster.head_api import Job, Node
from firelib.cluster.host_state import HostState
from firelib.cluster.status import ClusterStatus
from firelib.console import out, printable, table

_SHOWN_JOBS = 10
_NONE = "–"


def show_status(name: str, status: ClusterStatus) -> None:
    """Print hosts with nodes and GPUs, the newest jobs, cost and idleness.

    Args:
        name: Name of the cluster.
        status: Its state.
    """
    rows = [host_row(host, status.alive.get(host.address)) for host in status.hosts]
    out.print(table(f"Cluster {name}", ["host", "Ray", "CPUs", "GPUs", "up", "idle since", "autostop at"], rows))
    if status.jobs:
        newest = [job_row(job) for job in reversed(status.jobs[-_SHOWN_JOBS:])]
        out.print(table("Jobs, newest first", ["job", "state", "started", "took"], newest))
    for line in summary(status):
        out.print(printable(line), highlight=False)


def host_row(host: HostState, node: Node | None) -> list[str]:
    """Cells of a host.

    Args:
        host: What the host says.
        node: What Ray says of it; None if it is not an alive node.
    """
    if host.problem:
        return [host.address, "alive" if node else _NONE, "", "", host.problem, "", ""]
    cpus = f"{node.resources.get('CPU', 0):g}" if node else ""
    up = format_duration(host.now - host.started) if host.started is not None else ""
    gpus = str(node.gpus if node else host.gpus)
    times = [format_time(host.idle_since), format_time(host.stops_at)]
    return [host.address, "alive" if node else "no node", cpus, gpus, up, *times]


def job_row(job: Job) -> list[str]:
    """Cells of a job."""
    took = (job.ended or time.time()) - job.started if job.started else None
    return [job.job_id, job.status.lower(), format_time(job.started), _NONE if took is None else format_duration(took)]


def summary(status: ClusterStatus) -> Iterator[str]:
    """Lines below the tables: what is wrong, since when no job runs, and the cost."""
    if status.problem:
        yield f"Ray: {status.problem}"
    if status.idle_since is not None:
        yield f"no job since {format_time(status.idle_since)}"
    if status.price is not None and status.cost is not None:
        since = "since the machines' last start, without disks and network"
        yield f"cost: about ${status.cost:.2f} {since}; {status.price}"


def format_time(seconds: float | None) -> str:
    """A time in the caller's zone; a dash for None.

    Args:
        seconds: Seconds since the epoch.
    """
    return _NONE if seconds is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def format_duration(seconds: float) -> str:
    """A duration in its two largest units.

    Example:
        >>> format_duration(45), format_duration(3700), format_duration(200_000)
        ('45 s', '1 h 1 min', '2 d 7 h')
    """
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86400)
    if days:
        return f"{days} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min {int(seconds % 60)} s" if minutes else f"{int(seconds)} s"
