"""The plan of backend `ray`: the machines that cluster/cluster.yaml describes."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from firelib.gcp.machine_catalog import parse_gpu_kind
from firelib.gcp.machine_types import Gpu
from firelib.launch.job_spec import Replicas, Resources
from firelib.launch.plan import Plan, PlanRequest, format_count, plan_rented_machines
from firelib.ray_setup.cluster_file import ClusterFile, read_cluster_file
from firelib.ray_setup.token import ray_token, token_file

_CLUSTER_FILE = Path("cluster", "cluster.yaml")


def plan_cluster(request: PlanRequest, project: Path, environ: Mapping[str, str]) -> Plan:
    """Make the plan of a Ray cluster.

    Args:
        request: The requested machines; a cluster file takes precedence.
        project: The project's folder, which may contain cluster/cluster.yaml.
        environ: Variables that show which addresses and tokens are set.

    Raises:
        FirelibError: The machines are not available.
    """
    file, missing = project / _CLUSTER_FILE, list(_find_missing(environ))
    if not file.is_file():
        plan = plan_rented_machines("ray", request, "compute", missing)
        return plan if request.resources.machine else replace(plan, machines="the cluster's hosts")
    cluster = _read_machines(read_cluster_file(file))
    plan = plan_rented_machines("ray", cluster, "compute", missing, str(_CLUSTER_FILE))
    plan = replace(plan, gpu_use="")  # train.workers of each job decides
    hosts = f"{format_count(cluster.replicas.count, 'host')} of {_CLUSTER_FILE}"
    return plan if cluster.resources.machine else replace(plan, machines=hosts)


def _find_missing(environ: Mapping[str, str]) -> Iterator[str]:
    if not environ.get("FIRELIB_RAY_ADDRESS"):
        yield "FIRELIB_RAY_ADDRESS=http://HEAD:8265"
    if ray_token(environ, Path.home()) is None:
        yield f"the cluster's token in {token_file(environ, Path.home())}"
    if not environ.get("FIRELIB_STORAGE_ROOT"):
        yield "FIRELIB_STORAGE_ROOT, or storage.root: a folder or bucket that all hosts share"


def _read_machines(cluster: ClusterFile) -> PlanRequest:
    count, gcp = 1 + len(cluster.provider.worker_ips), cluster.hosts.gcp
    if gcp is None:
        return PlanRequest(replicas=Replicas(count))
    gpu = Gpu(parse_gpu_kind(gcp.gpus.type), gcp.gpus.count) if gcp.gpus else None
    resources = Resources(machine=gcp.machine_type, gpu=gpu, disk_gib=gcp.disk_gib)
    return PlanRequest(resources, Replicas(count, "spot" if gcp.spot else "on-demand"), gcp.region)
