"""Pods of a job: what every kind of Kubernetes object that starts pods needs. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from firelib.gcp.machine_types import gpu_kinds, machines
from firelib.job_context import CODE
from firelib.launch.backends.kubeflow.target import KubeflowTarget
from firelib.launch.job_environment import SECRETS, stage_variables
from firelib.launch.job_spec import JobSpec, Resources
from firelib.launch.machine_checks import resolve_gpu, validate_machine
from firelib.launch.transfer.code_transfer import code_uri

# Kubernetes reserves part of each machine for itself; a pod may request this share of it.
_ALLOCATABLE_SHARE = 0.85


def find_pod_problems(spec: JobSpec) -> Iterator[str]:
    """Yield what a cluster would refuse, or accept and never start."""
    yield from validate_machine(spec.resources, None, spec.replicas.provisioning)
    if spec.image is None or "@sha256:" not in spec.image:
        yield f"image: expected REGISTRY/NAME@sha256:… (a tag can change its image), got {spec.image!r}"
    if not (spec.storage_root or "").startswith(("gs://", "s3://")):
        yield f"storage_root: expected a bucket, FIRELIB_STORAGE_ROOT=gs://… or s3://…, got {spec.storage_root!r}"
    if spec.queue_seconds is not None:
        yield "queue_seconds: Kubernetes has no limit for waiting; use a queue of the cluster, such as Kueue"


def build_variables(spec: JobSpec, extra: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the `env` of a container. Secrets of the cluster appear as references.

    Args:
        spec: The job.
        extra: Variables beyond those that every stage gets.
    """
    values = {**stage_variables(spec), CODE: code_uri(spec), **extra}
    cluster_secrets = {name: ref for name, ref in spec.secrets.items() if ref.startswith("k8s:")}
    if len(cluster_secrets) == len(spec.secrets):
        values.pop(SECRETS, None)
    variables: list[dict[str, Any]] = [{"name": name, "value": value} for name, value in sorted(values.items())]
    for name, reference in sorted(cluster_secrets.items()):
        secret, _, key = reference.removeprefix("k8s:").partition("/")
        variables.append({"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}})
    return variables


def build_cpu_limit(resources: Resources) -> dict[str, str]:
    """Return the variable that limits the cores of embedded Ray, if the job limits cores."""
    return {"FIRELIB_NUM_CPUS": str(max(1, int(resources.cpus)))} if resources.cpus else {}


def build_limits(resources: Resources) -> dict[str, dict[str, str]]:
    """Return the `resources` of a container: as requested, else most of the machine type; empty without either."""
    machine = machines().get(resources.machine or "")
    cpus = resources.cpus or (machine.vcpus * _ALLOCATABLE_SHARE if machine else None)
    memory_gib = resources.memory_gib or (machine.memory_gib * _ALLOCATABLE_SHARE if machine else None)
    gpu = resolve_gpu(resources)
    limits = {
        **({"cpu": f"{int(cpus * 1000)}m"} if cpus else {}),
        **({"memory": f"{int(memory_gib * 1024)}Mi"} if memory_gib else {}),
        **({"nvidia.com/gpu": str(gpu.count)} if gpu else {}),
    }
    return {"requests": limits, "limits": limits} if limits else {}


def build_pod_spec(spec: JobSpec, container: Mapping[str, Any]) -> dict[str, Any]:
    """Return the spec of a pod. Ray keeps objects in /dev/shm, which is 64 MiB unless a volume enlarges it.

    Args:
        spec: The job.
        container: The pod's only container.
    """
    mounted = {**container, "volumeMounts": [{"name": "shm", "mountPath": "/dev/shm"}]}  # noqa: S108  Linux names it
    pod: dict[str, Any] = {
        "restartPolicy": "Never",
        "containers": [mounted],
        "volumes": [{"name": "shm", "emptyDir": {"medium": "Memory"}}],
    }
    if selector := _node_selector(spec):
        pod["nodeSelector"] = selector
    if spec.replicas.provisioning == "spot":
        pod["tolerations"] = [{"key": "cloud.google.com/gke-spot", "operator": "Exists", "effect": "NoSchedule"}]
    if account := KubeflowTarget.parse(spec.target).service_account:
        pod["serviceAccountName"] = account
    return pod


def _node_selector(spec: JobSpec) -> dict[str, str]:
    """Return labels that nodes must have; the ones for GPUs and Spot are GKE's."""
    gpu, selector = resolve_gpu(spec.resources), {}
    if spec.resources.machine:
        selector["node.kubernetes.io/instance-type"] = spec.resources.machine
    if gpu:
        selector["cloud.google.com/gke-accelerator"] = gpu_kinds()[gpu.kind].accelerator.lower().replace("_", "-")
    if spec.replicas.provisioning == "spot":
        selector["cloud.google.com/gke-spot"] = "true"
    return selector


def build_metadata(spec: JobSpec) -> dict[str, Any]:
    """Return the `metadata` of each object of a job."""
    return {
        "name": spec.job_id,
        "namespace": KubeflowTarget.parse(spec.target).namespace,
        "labels": {**spec.labels, "firelib-job": spec.job_id},
    }
