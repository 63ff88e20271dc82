"""Plans of a job on each backend: machines, price, quotas, and missing prerequisites. No service is queried."""

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from firelib.errors import FirelibError, did_you_mean
from firelib.gcp.machine_catalog import parse_gpu_kind
from firelib.gcp.machine_types import Gpu
from firelib.gcp.pricing import Price, Service, price, quotas
from firelib.launch.backend import BACKENDS
from firelib.launch.job_spec import Replicas, Resources, refuse
from firelib.launch.machine_checks import resolve_gpu, validate_machine
from firelib.ray_setup.cluster_file import ClusterFile, read_cluster_file
from firelib.ray_setup.token import ray_token, token_file

CLUSTER_FILE = Path("cluster", "cluster.yaml")
_COMMAND_LINE = "the command line"


@dataclass(frozen=True)
class PlanRequest:
    """The requested machines, before a backend is chosen.

    Attributes:
        resources: Resources of each replica.
        replicas: Number of replicas, and how they are rented.
        region: Region of Google Cloud, or None.
    """

    resources: Resources = field(default_factory=Resources)
    replicas: Replicas = field(default_factory=Replicas)
    region: str | None = None


@dataclass(frozen=True)
class Plan:
    """The plan of one backend.

    Attributes:
        backend: The backend's name.
        machines: Description of the machines.
        preemptible: Whether the machines can be preempted.
        price: Price of all machines together; None where nothing is rented.
        quotas: Quota metric → amount needed. Whether the project has it is not checked.
        missing: Prerequisites that are not met yet.
    """

    backend: str
    machines: str
    preemptible: bool = False
    price: Price | None = None
    quotas: Mapping[str, int] = field(default_factory=dict)
    missing: Sequence[str] = ()


def make_plans(to: str, request: PlanRequest, project: Path, environ: Mapping[str, str] = os.environ) -> list[Plan]:
    """Make the plan of one backend, or of all.

    Args:
        to: A backend's name, or `all`.
        request: The requested machines.
        project: The project's folder, which may contain cluster/cluster.yaml.
        environ: Variables that show which credentials and addresses are set.

    Returns:
        One plan for each backend.

    Raises:
        FirelibError: The backend is unknown, or the machines are not available (the error names all reasons).
    """
    if to != "all" and to not in BACKENDS:
        raise FirelibError(f"unknown backend {to!r}", where="--to", remedy=did_you_mean(to, [*BACKENDS, "all"]))
    names = list(BACKENDS) if to == "all" else [to]
    return [_PLANNERS[name](request, project, environ) for name in names]


def _plan_local(request: PlanRequest, project: Path, environ: Mapping[str, str]) -> Plan:  # noqa: ARG001  one signature for all
    return Plan("local", "this machine")


def _plan_docker(request: PlanRequest, project: Path, environ: Mapping[str, str]) -> Plan:  # noqa: ARG001
    missing = [] if shutil.which("docker") else ["Docker: apt-get install docker.io"]
    return Plan("docker", f"{_counted(request.replicas.count, 'container')} on this machine", missing=missing)


def _plan_ray(request: PlanRequest, project: Path, environ: Mapping[str, str]) -> Plan:
    file = project / CLUSTER_FILE
    cluster = read_cluster_file(file) if file.is_file() else None
    if cluster is not None:
        request = _read_cluster(cluster)
    _refuse_unavailable(request, str(CLUSTER_FILE) if cluster else _COMMAND_LINE)
    missing = [] if environ.get("FIRELIB_RAY_ADDRESS") else ["FIRELIB_RAY_ADDRESS=http://HEAD:8265"]
    if ray_token(environ, Path.home()) is None:
        missing.append(f"the cluster's token in {token_file(environ, Path.home())}")
    if not environ.get("FIRELIB_STORAGE_ROOT"):
        missing.append("FIRELIB_STORAGE_ROOT, or storage.root: a folder or bucket that all hosts share")
    hosts = f"{_counted(request.replicas.count, 'host')} of {CLUSTER_FILE}" if cluster else "the cluster's hosts"
    return _plan_machines("ray", request, "compute", missing, hosts)


def _read_cluster(cluster: ClusterFile) -> PlanRequest:
    """Return the machines that a cluster file describes."""
    count, gcp = 1 + len(cluster.provider.worker_ips), cluster.hosts.gcp
    if gcp is None:
        return PlanRequest(replicas=Replicas(count))
    gpu = Gpu(parse_gpu_kind(gcp.gpus.type), gcp.gpus.count) if gcp.gpus else None
    resources = Resources(machine=gcp.machine_type, gpu=gpu, disk_gib=gcp.disk_gib)
    return PlanRequest(resources, Replicas(count, "spot" if gcp.spot else "on-demand"), gcp.region)


def _plan_vertex(request: PlanRequest, project: Path, environ: Mapping[str, str]) -> Plan:  # noqa: ARG001
    _refuse_unavailable(request, _COMMAND_LINE)
    missing = _find_missing(request, "google.cloud.aiplatform", "vertex")
    if not environ.get("GOOGLE_CLOUD_PROJECT"):
        missing.append("GOOGLE_CLOUD_PROJECT")
    return _plan_machines("vertex", request, "training", missing)


def _plan_kubeflow(request: PlanRequest, project: Path, environ: Mapping[str, str]) -> Plan:  # noqa: ARG001
    _refuse_unavailable(request, _COMMAND_LINE)
    return _plan_machines("kubeflow", request, "compute", _find_missing(request, "kubeflow", "kubeflow"))


_PLANNERS: Mapping[str, Callable[[PlanRequest, Path, Mapping[str, str]], Plan]] = {
    "local": _plan_local,
    "docker": _plan_docker,
    "ray": _plan_ray,
    "vertex": _plan_vertex,
    "kubeflow": _plan_kubeflow,
}


def _find_missing(request: PlanRequest, package: str, extra: str) -> list[str]:
    missing = [] if request.resources.machine else ["--machine, such as n1-standard-8"]
    return missing if _is_installed(package) else [*missing, f"its packages: uv sync --extra {extra}"]


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # the parent package is missing
        return False


def _refuse_unavailable(request: PlanRequest, where: str) -> None:
    problems = validate_machine(request.resources, request.region, request.replicas.provisioning)
    refuse(problems, where, "choose another machine type, GPU or region")


def _plan_machines(
    name: str, request: PlanRequest, service: Service, missing: Sequence[str], hosts: str | None = None
) -> Plan:
    machine, replicas = request.resources.machine, request.replicas
    if machine is None:
        return Plan(name, hosts or _counted(replicas.count, "replica"), missing=missing)
    gpu = resolve_gpu(request.resources)
    described = f"{replicas.count} × {machine}{f' with {gpu.count} {gpu.kind}' if gpu else ''}"
    rented = (machine, gpu, replicas.provisioning, replicas.count, service)
    preemptible = replicas.provisioning != "on-demand"
    return Plan(name, described, preemptible, price(*rented), quotas(*rented), missing)


def _counted(count: int, what: str) -> str:
    return f"1 {what}" if count == 1 else f"{count} {what}s"
