"""What a job would take on each backend: machines, price, quotas, and what is missing. Nobody is asked."""

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path

from firelib.errors import FirelibError, did_you_mean
from firelib.gcp.machine_catalog import gpu_kind_named
from firelib.gcp.machine_types import gpus_of
from firelib.gcp.pricing import Price, Service, price, quotas
from firelib.launch.backend import BACKENDS
from firelib.launch.job_spec import Gpu, Replicas, Resources, refuse
from firelib.launch.machine_checks import misfits
from firelib.ray_setup.cluster_file import ClusterFile, read_cluster_file
from firelib.ray_setup.token import ray_token, token_file

CLUSTER_FILE = Path("cluster", "cluster.yaml")


@dataclass(frozen=True)
class Wish:
    """What is wanted, before a backend is chosen.

    Attributes:
        resources: Of each replica.
        replicas: How many, and how they are bought.
        region: Of Google Cloud, or None.
    """

    resources: Resources = field(default_factory=Resources)
    replicas: Replicas = field(default_factory=Replicas)
    region: str | None = None


@dataclass(frozen=True)
class Plan:
    """What a backend makes of a wish.

    Attributes:
        backend: Its name.
        machines: In words.
        preemptible: Whether they may be taken away.
        price: Of all machines together; None where nothing is rented.
        quotas: Metric → how much is needed; whether the project has it is not asked.
        missing: What has to be done before a job can run there.
    """

    backend: str
    machines: str
    preemptible: bool = False
    price: Price | None = None
    quotas: Mapping[str, int] = field(default_factory=dict)
    missing: Sequence[str] = ()


def plans(to: str, wish: Wish, project: Path, environ: Mapping[str, str] = os.environ) -> list[Plan]:
    """The plan of one backend, or of all.

    Args:
        to: A backend's name, or `all`.
        wish: What is wanted.
        project: Where cluster/cluster.yaml lies, if there is one.
        environ: Says which credentials are there.

    Raises:
        FirelibError: There is no such backend, or what is wanted cannot be had (all reasons at once).
    """
    if to != "all" and to not in BACKENDS:
        raise FirelibError(f"there is no backend {to!r}", where="--to", remedy=did_you_mean(to, [*BACKENDS, "all"]))
    wanted = list(BACKENDS) if to == "all" else [to]
    return [_PLANS[name](wish, project, environ) for name in wanted]


def _local(wish: Wish, project: Path, environ: Mapping[str, str]) -> Plan:  # noqa: ARG001  one signature for all
    return Plan("local", "this machine")


def _docker(wish: Wish, project: Path, environ: Mapping[str, str]) -> Plan:  # noqa: ARG001
    missing = [] if shutil.which("docker") else ["Docker: apt-get install docker.io"]
    return Plan("docker", f"{_counted(wish.replicas.count, 'container')} on this machine", missing=missing)


def _ray(wish: Wish, project: Path, environ: Mapping[str, str]) -> Plan:
    file = project / CLUSTER_FILE
    found = read_cluster_file(file) if file.is_file() else None
    if found is not None:
        wish = _of_cluster(found)
    _refuse_misfits(wish, str(CLUSTER_FILE) if found else "the command line")
    missing = [] if environ.get("FIRELIB_RAY_ADDRESS") else ["FIRELIB_RAY_ADDRESS=http://HEAD:8265"]
    if ray_token(environ, Path.home()) is None:
        missing.append(f"the cluster's token in {token_file(environ, Path.home())}")
    if not environ.get("FIRELIB_STORAGE_ROOT"):
        missing.append("FIRELIB_STORAGE_ROOT, or storage.root: a place that all hosts see")
    hosts = f"{_counted(wish.replicas.count, 'host')} of {CLUSTER_FILE}" if found else "the hosts that are there"
    return _rented("ray", wish, "compute", missing, hosts)


def _of_cluster(found: ClusterFile) -> Wish:
    """Machines as the cluster's file names them."""
    count, gcp = 1 + len(found.provider.worker_ips), found.hosts.gcp
    if gcp is None:
        return Wish(replicas=Replicas(count))
    gpu = Gpu(gpu_kind_named(gcp.gpus.type), gcp.gpus.count) if gcp.gpus else None
    resources = Resources(machine=gcp.machine_type, gpu=gpu, disk_gib=gcp.disk_gib)
    return Wish(resources, Replicas(count, "spot" if gcp.spot else "on-demand"), gcp.region)


def _vertex(wish: Wish, project: Path, environ: Mapping[str, str]) -> Plan:  # noqa: ARG001
    _refuse_misfits(wish, "the command line")
    missing = _needs(wish, "google.cloud.aiplatform", "vertex")
    if not environ.get("GOOGLE_CLOUD_PROJECT"):
        missing.append("GOOGLE_CLOUD_PROJECT")
    return _rented("vertex", wish, "training", missing)


def _kubeflow(wish: Wish, project: Path, environ: Mapping[str, str]) -> Plan:  # noqa: ARG001
    _refuse_misfits(wish, "the command line")
    return _rented("kubeflow", wish, "compute", _needs(wish, "kubeflow", "kubeflow"))


_PLANS: Mapping[str, Callable[[Wish, Path, Mapping[str, str]], Plan]] = {
    "local": _local,
    "docker": _docker,
    "ray": _ray,
    "vertex": _vertex,
    "kubeflow": _kubeflow,
}


def _needs(wish: Wish, package: str, extra: str) -> list[str]:
    missing = [] if wish.resources.machine else ["--machine, such as n1-standard-8"]
    return missing if _installed(package) else [*missing, f"its packages: uv sync --extra {extra}"]


def _installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # of the package around it
        return False


def _refuse_misfits(wish: Wish, where: str) -> None:
    refuse(misfits(wish.resources, wish.region, wish.replicas.buying), where, "another machine type, GPU or region")


def _rented(name: str, wish: Wish, service: Service, missing: Sequence[str], hosts: str | None = None) -> Plan:
    kind, count = wish.resources.machine, wish.replicas.count
    if kind is None:
        return Plan(name, hosts or _counted(count, "replica"), missing=missing)
    gpu = gpus_of(wish.resources)
    machines = f"{count} × {kind}{f' with {gpu.count} {gpu.kind}' if gpu else ''}"
    plan = Plan(name, machines, wish.replicas.buying != "on-demand", missing=missing)
    return replace(
        plan,
        price=price(wish.resources, wish.replicas, service),
        quotas=quotas(wish.resources, wish.replicas, service),
    )


def _counted(count: int, what: str) -> str:
    return f"1 {what}" if count == 1 else f"{count} {what}s"
