"""The state of a cluster: its hosts, the nodes and jobs of its Ray, and its cost."""

from collections.abc import Sequence
from dataclasses import dataclass

from firelib.cluster.head_api import HeadUnavailableError, Job, Node, read_jobs, read_nodes
from firelib.cluster.host_state import HostState, read_host_states
from firelib.cluster.ssh import HostUnreachableError
from firelib.cluster.tunnel import open_tunnel
from firelib.gcp.machine_catalog import parse_gpu_kind
from firelib.gcp.machine_types import Gpu
from firelib.gcp.pricing import Price, price
from firelib.ray_setup.cluster_file import ClusterFile

_HOUR = 3600.0


@dataclass(frozen=True)
class ClusterStatus:
    """A cluster at one moment.

    Attributes:
        hosts: All hosts of the cluster file, the head first.
        nodes: Nodes that Ray knows; empty if no Ray answers.
        jobs: Jobs since Ray's start, oldest first.
        problem: Why Ray could not be asked; empty if it answered.
        price: Price of all machines by the hour; None if none are rented, or their price is not known.
    """

    hosts: Sequence[HostState]
    nodes: Sequence[Node] = ()
    jobs: Sequence[Job] = ()
    problem: str = ""
    price: Price | None = None

    @property
    def cost(self) -> float | None:
        """US dollars since the last start of each machine that runs; None if no price is known."""
        if self.price is None:
            return None
        hours = sum(host.now - host.started for host in self.hosts if host.started is not None) / _HOUR
        return self.price.hourly / len(self.hosts) * hours

    @property
    def idle_since(self) -> float | None:
        """End of the last job, in seconds since the epoch; None while a job is active, or if there was none."""
        if any(job.is_active for job in self.jobs):
            return None
        return max((job.ended for job in self.jobs if job.ended), default=None)

    @property
    def alive(self) -> dict[str, Node]:
        """Private address → alive node. Ray may not have noticed yet that a node was lost: its host knows better."""
        lost = {host.address for host in self.hosts if not host.has_raylet}
        return {node.address: node for node in self.nodes if node.is_alive and node.address not in lost}

    @property
    def is_complete(self) -> bool:
        """Whether every host answers and is an alive node."""
        return all(not host.problem and host.address in self.alive for host in self.hosts)


def read_status(file: ClusterFile) -> ClusterStatus:
    """Ask the hosts and the head of a cluster. What does not answer is a part of the result, not an error.

    Raises:
        FirelibError: The head refuses the token.
    """
    hosts, rate = read_host_states(file), machine_price(file)
    try:
        with open_tunnel(file) as tunnel:
            return ClusterStatus(hosts, read_nodes(tunnel.url), read_jobs(tunnel.url), price=rate)
    except (HostUnreachableError, HeadUnavailableError) as error:
        return ClusterStatus(hosts, problem=error.headline, price=rate)


def machine_price(file: ClusterFile) -> Price | None:
    """The hourly price of all machines together; None for hosts that are not rented, or whose price is not known."""
    gcp = file.hosts.gcp
    if gcp is None:
        return None
    gpu = Gpu(parse_gpu_kind(gcp.gpus.type), gcp.gpus.count) if gcp.gpus else None
    return price(gcp.machine_type, gpu, "spot" if gcp.spot else "on-demand", 1 + len(file.provider.worker_ips))
