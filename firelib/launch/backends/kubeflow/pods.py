"""What the pods of a job are, for every kind of Kubernetes object that holds some. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from firelib.gcp.machine_types import gpu_kinds, machines
from firelib.job_context import CODE
from firelib.launch.job_environment import SECRETS, stage_variables
from firelib.launch.job_spec import JobSpec, Resources
from firelib.launch.machine_checks import resolve_gpu, validate_machine
from firelib.launch.transfer.code_transfer import code_uri

# Kubernetes keeps some of a machine for itself; what firelib asks for must leave that much.
_FREE_SHARE = 0.85


def pod_problems(spec: JobSpec) -> Iterator[str]:
    """What a cluster would refuse, or start and never run."""
    yield from validate_machine(spec.resources, None, spec.replicas.provisioning)
    if spec.image is None or "@sha256:" not in spec.image:
        yield f"image: should be REGISTRY/NAME@sha256:… (a tag may mean another image tomorrow), got {spec.image!r}"
    if not (spec.storage_root or "").startswith(("gs://", "s3://")):
        yield f"storage_root: should be a bucket, FIRELIB_STORAGE_ROOT=gs://… or s3://…, got {spec.storage_root!r}"
    if spec.queue_seconds is not None:
        yield "queue_seconds: Kubernetes waits for room without an end; a queue of the cluster (Kueue) can limit it"
    for name, reference in spec.secrets.items():
        if not reference.startswith(("k8s:", "gcp:")):
            yield f"secrets.{name}: should be k8s:SECRET/KEY of the namespace, or gcp:projects/P/secrets/S/versions/N"


def variables(spec: JobSpec, more: Mapping[str, str]) -> list[dict[str, Any]]:
    """A container's variables; of the cluster's secrets only the names."""
    plain = {**stage_variables(spec), CODE: code_uri(spec), **more}
    ours = {name: reference for name, reference in spec.secrets.items() if reference.startswith("k8s:")}
    if len(ours) == len(spec.secrets):
        plain.pop(SECRETS, None)
    found: list[dict[str, Any]] = [{"name": name, "value": value} for name, value in sorted(plain.items())]
    for name, reference in sorted(ours.items()):
        secret, _, key = reference.removeprefix("k8s:").partition("/")
        found.append({"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}})
    return found


def limits(resources: Resources) -> dict[str, dict[str, str]]:
    """What a container is given: as asked, else most of its machine."""
    kind = machines().get(resources.machine or "")
    cpus = resources.cpus or (kind.vcpus * _FREE_SHARE if kind else None)
    memory = resources.memory_gib or (kind.memory_gib * _FREE_SHARE if kind else None)
    gpu = resolve_gpu(resources)
    given = {
        **({"cpu": f"{int(cpus * 1000)}m"} if cpus else {}),
        **({"memory": f"{int(memory * 1024)}Mi"} if memory else {}),
        **({"nvidia.com/gpu": str(gpu.count)} if gpu else {}),
    }
    return {"requests": given, "limits": given} if given else {}


def pod(spec: JobSpec, container: Mapping[str, Any]) -> dict[str, Any]:
    """A pod's spec around a container. Ray keeps objects in /dev/shm, which is 64 MiB unless asked for."""
    mounted = {**container, "volumeMounts": [{"name": "shm", "mountPath": "/dev/shm"}]}  # noqa: S108  not ours to name
    found: dict[str, Any] = {
        "restartPolicy": "Never",
        "containers": [mounted],
        "volumes": [{"name": "shm", "emptyDir": {"medium": "Memory"}}],
    }
    if selector := _nodes(spec):
        found["nodeSelector"] = selector
    if spec.replicas.provisioning == "spot":
        found["tolerations"] = [{"key": "cloud.google.com/gke-spot", "operator": "Exists", "effect": "NoSchedule"}]
    if account := spec.target.get("service_account"):
        found["serviceAccountName"] = account
    return found


def _nodes(spec: JobSpec) -> dict[str, str]:
    """Labels that nodes must have; GPUs and Spot by Google's names."""
    gpu, chosen = resolve_gpu(spec.resources), {}
    if spec.resources.machine:
        chosen["node.kubernetes.io/instance-type"] = spec.resources.machine
    if gpu:
        chosen["cloud.google.com/gke-accelerator"] = gpu_kinds()[gpu.kind].accelerator.lower().replace("_", "-")
    if spec.replicas.provisioning == "spot":
        chosen["cloud.google.com/gke-spot"] = "true"
    return chosen
