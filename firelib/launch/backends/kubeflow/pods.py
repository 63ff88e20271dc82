"""Pods of a job: what every kind of Kubernetes object that starts pods needs. Pure."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from firelib.gcp.machine_types import machines
from firelib.job_context import CODE
from firelib.launch.backends.kubeflow.allocatable import largest_pod
from firelib.launch.backends.kubeflow.nodes import build_node_selector, build_tolerations, find_gpu, find_node_problems
from firelib.launch.backends.kubeflow.resources import JOB_LABEL
from firelib.launch.backends.kubeflow.target import KubeflowTarget
from firelib.launch.job_environment import SECRETS, stage_variables
from firelib.launch.job_spec import JobSpec, Resources
from firelib.launch.transfer.code_transfer import code_uri

#: Seconds between SIGTERM and SIGKILL: enough to save a checkpoint.
GRACE_SECONDS = 120

_AWS_TOKEN = "/var/run/secrets/firelib.aws"  # noqa: S105  the folder of a projected token
_GROUP_ID = 1000  # of the images' user


def find_pod_problems(spec: JobSpec) -> Iterator[str]:
    """Yield what a cluster would refuse, or accept and never start."""
    target, _ = KubeflowTarget.parse_with_problems(spec.target)
    yield from find_node_problems(spec)
    if spec.image is None or "@sha256:" not in spec.image:
        yield f"image: expected REGISTRY/NAME@sha256:… (a tag can change its image), got {spec.image!r}"
    if not (spec.storage_root or "").startswith(("gs://", "s3://")):
        yield f"storage_root: expected a bucket, FIRELIB_STORAGE_ROOT=gs://… or s3://…, got {spec.storage_root!r}"
    if spec.queue_seconds is not None and (target.kind, target.kuberay) != ("RayJob", "1.6"):
        yield (
            "queue_seconds: only a RayJob of KubeRay 1.6 has a limit for waiting; "
            "use a queue of the cluster, such as Kueue, or --set kind=RayJob"
        )
    if target.aws_role and not (spec.storage_root or "").startswith("s3://"):
        yield f"target.aws_role: expected a storage_root s3://…, got {spec.storage_root!r}"


def build_variables(spec: JobSpec, extra: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the `env` of a container. Secrets of the cluster appear as references.

    Args:
        spec: The job.
        extra: Variables beyond those that every stage gets.
    """
    values = {**stage_variables(spec), CODE: code_uri(spec), **_aws_variables(spec), **extra}
    values.pop(SECRETS, None)
    if others := {name: ref for name, ref in sorted(spec.secrets.items()) if not ref.startswith("k8s:")}:
        values[SECRETS] = json.dumps(others)  # the cluster resolves its own; the stage would take them for files
    variables: list[dict[str, Any]] = [{"name": name, "value": value} for name, value in sorted(values.items())]
    for name, (secret, key) in parse_cluster_secrets(spec).items():
        variables.append({"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}})
    return variables


def parse_cluster_secrets(spec: JobSpec) -> dict[str, tuple[str, str]]:
    """Return the secrets of the cluster that a job refers to: variable → name of the secret and its key."""
    references = {name: ref.removeprefix("k8s:") for name, ref in spec.secrets.items() if ref.startswith("k8s:")}
    return {name: (ref.partition("/")[0], ref.partition("/")[2]) for name, ref in sorted(references.items())}


def build_cpu_limit(resources: Resources) -> dict[str, str]:
    """Return the variable that limits the cores of embedded Ray, if the job limits cores."""
    return {"FIRELIB_NUM_CPUS": str(max(1, int(resources.cpus)))} if resources.cpus else {}


def build_limits(spec: JobSpec) -> dict[str, dict[str, str]]:
    """Return the `resources` of a container: as requested, else all that GKE leaves of the machine type."""
    target, wanted, gpu = KubeflowTarget.parse(spec.target), spec.resources, find_gpu(spec)
    on_gke = target.platform == "gke" and wanted.machine in machines()
    cpus, memory_gib = largest_pod(wanted.machine) if on_gke and wanted.machine else (None, None)
    cpus, memory_gib = wanted.cpus or cpus, wanted.memory_gib or memory_gib
    limits = {
        **({"cpu": f"{int(cpus * 1000)}m"} if cpus else {}),
        **({"memory": f"{int(memory_gib * 1024)}Mi"} if memory_gib else {}),
        **({target.gpu_resource: str(gpu.count)} if gpu else {}),
    }
    return {"requests": limits, "limits": limits} if limits else {}


def build_pod_spec(spec: JobSpec, container: Mapping[str, Any]) -> dict[str, Any]:
    """Return the spec of a pod.

    Args:
        spec: The job.
        container: The pod's only container.
    """
    volumes = _build_volumes(spec)
    mounts = [{"name": name, "mountPath": path} for name, (path, _) in volumes.items()]
    pod: dict[str, Any] = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "containers": [{**container, "volumeMounts": mounts}],
        "volumes": [{"name": name, **source} for name, (_, source) in volumes.items()],
    }
    if selector := build_node_selector(spec):
        pod["nodeSelector"] = selector
    if tolerations := build_tolerations(spec):
        pod["tolerations"] = tolerations
    if account := KubeflowTarget.parse(spec.target).service_account:
        pod["serviceAccountName"] = account
    if "scratch" in volumes or "aws-token" in volumes:
        pod["securityContext"] = {"fsGroup": _GROUP_ID}  # the images' user may write to the volume and read the token
    return {**pod, **build_pull_secrets(spec)}


def build_pull_secrets(spec: JobSpec) -> dict[str, list[dict[str, str]]]:
    """Return the field of a pod that names the secrets for pulling the image; empty without any."""
    names = KubeflowTarget.parse(spec.target).pull_secrets
    return {"imagePullSecrets": [{"name": name} for name in names]} if names else {}


def _build_volumes(spec: JobSpec) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return name → path and source. Ray keeps objects in /dev/shm, which is 64 MiB unless a volume enlarges it."""
    target = KubeflowTarget.parse(spec.target)
    volumes: dict[str, tuple[str, dict[str, Any]]] = {"shm": ("/dev/shm", {"emptyDir": {"medium": "Memory"}})}  # noqa: S108  Linux names it
    if target.storage_class:
        claim = {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": target.storage_class,
            "resources": {"requests": {"storage": f"{spec.resources.disk_gib}Gi"}},
        }
        volumes["scratch"] = ("/tmp", {"ephemeral": {"volumeClaimTemplate": {"spec": claim}}})  # noqa: S108  the images' HOME
    if target.aws_role:
        token = {"audience": "sts.amazonaws.com", "expirationSeconds": 3600, "path": "token"}
        volumes["aws-token"] = (_AWS_TOKEN, {"projected": {"sources": [{"serviceAccountToken": token}]}})
    return volumes


def _aws_variables(spec: JobSpec) -> dict[str, str]:
    """Return the variables with which AWS's libraries exchange the pod's token for credentials of a role."""
    role = KubeflowTarget.parse(spec.target).aws_role
    return {"AWS_ROLE_ARN": role, "AWS_WEB_IDENTITY_TOKEN_FILE": f"{_AWS_TOKEN}/token"} if role else {}


def build_metadata(spec: JobSpec) -> dict[str, Any]:
    """Return the `metadata` of each object of a job."""
    return {
        "name": spec.job_id,
        "namespace": KubeflowTarget.parse(spec.target).namespace,
        **build_pod_metadata(spec),
    }


def build_pod_metadata(spec: JobSpec) -> dict[str, Any]:
    """Return the `metadata` of each pod of a job."""
    return {"labels": {**spec.labels, JOB_LABEL: spec.job_id}}
