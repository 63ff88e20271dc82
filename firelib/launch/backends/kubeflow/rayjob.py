"""A job as a RayJob of KubeRay, which starts and stops Ray; the stage is Ray's driver. Pure.

https://docs.ray.io/en/latest/cluster/kubernetes/getting-started/rayjob-quick-start.html
"""

import shlex
from importlib.metadata import version
from typing import Any

from firelib.launch.backends.kubeflow.pods import (
    build_limits,
    build_metadata,
    build_pod_metadata,
    build_pod_spec,
    build_pull_secrets,
    build_variables,
)
from firelib.launch.backends.kubeflow.resources import RAY_HEAD, RAY_SUBMITTER
from firelib.launch.backends.kubeflow.target import KubeflowTarget
from firelib.launch.job_spec import JobSpec
from firelib.launch.transfer.code_transfer import ENTRY

# KubeRay's operator runs in another pod and must reach the dashboard, which a token protects.
_HEAD_PARAMETERS = {"dashboard-host": "0.0.0.0"}  # noqa: S104
# The stage's own time limit ends first, so that it can save a checkpoint.
_GRACE_SECONDS = 300
# Pods whose image cannot be pulled, or that no node fits, would wait without end.
_QUEUE_SECONDS = 3600
# The submitter's pod keeps the log, so the cluster can go soon: its GPUs cost money.
_KEEP_SECONDS = 60
_SUBMITTER_RESOURCES = {"requests": {"cpu": "500m", "memory": "512Mi"}, "limits": {"cpu": "1", "memory": "1Gi"}}


def build_ray_job(spec: JobSpec) -> dict[str, Any]:
    """Return the RayJob: replica 0 is the head of its Ray cluster, the others are workers."""
    cluster: dict[str, Any] = {
        "rayVersion": version("ray"),
        "authOptions": {"mode": "token"},  # KubeRay generates the token
        "headGroupSpec": {"rayStartParams": _HEAD_PARAMETERS, "template": _pod_template(spec, RAY_HEAD)},
    }
    if spec.replicas.count > 1:
        cluster["workerGroupSpecs"] = [_worker_group(spec, spec.replicas.count - 1)]
    job = {
        "entrypoint": shlex.join([*ENTRY, *spec.command]),
        "submissionMode": "K8sJobMode",  # waits until all nodes are ready; SidecarMode waits for the head only
        "submitterPodTemplate": {"metadata": build_pod_metadata(spec), "spec": _submitter_spec(spec)},
        "shutdownAfterJobFinishes": True,
        "ttlSecondsAfterFinished": _KEEP_SECONDS,
        "backoffLimit": spec.replicas.restarts,
        "rayClusterSpec": cluster,
        **_time_limits(spec),
    }
    return {"apiVersion": "ray.io/v1", "kind": "RayJob", "metadata": build_metadata(spec), "spec": job}


def _time_limits(spec: JobSpec) -> dict[str, int]:
    """Return the limits that KubeRay enforces. Its limit of the whole job counts the wait for nodes, too."""
    queue = spec.queue_seconds or _QUEUE_SECONDS
    limits = {}
    if KubeflowTarget.parse(spec.target).kuberay != "1.5":  # 1.5 drops the field, and the job waits without end
        limits["preRunningDeadlineSeconds"] = queue
    if spec.timeout_seconds:
        limits["activeDeadlineSeconds"] = queue + spec.timeout_seconds + _GRACE_SECONDS
    return limits


def _worker_group(spec: JobSpec, count: int) -> dict[str, Any]:
    return {
        "groupName": "workers",
        "replicas": count,
        "minReplicas": count,
        "maxReplicas": count,
        "rayStartParams": {},
        "template": _pod_template(spec, "ray-worker"),
    }


def _pod_template(spec: JobSpec, name: str) -> dict[str, Any]:
    container: dict[str, Any] = {"name": name, "image": spec.image, "env": build_variables(spec, {})}
    if limits := build_limits(spec):
        container["resources"] = limits
    if KubeflowTarget.parse(spec.target).kuberay == "1.5":
        container.update(_probes())
    return {"metadata": build_pod_metadata(spec), "spec": build_pod_spec(spec, container)}


def _probes() -> dict[str, Any]:
    """Return the probes that KubeRay 1.6 adds itself; those of 1.5 call wget, which the images do not hold."""
    action = {"httpGet": {"path": "/api/healthz", "port": 52365}, "periodSeconds": 5, "timeoutSeconds": 5}
    return {
        "readinessProbe": {**action, "initialDelaySeconds": 10, "failureThreshold": 10},
        "livenessProbe": {**action, "initialDelaySeconds": 30, "failureThreshold": 120},
    }


def _submitter_spec(spec: JobSpec) -> dict[str, Any]:
    """Return the pod that submits the stage and shows its log. KubeRay adds the command and the token."""
    target = KubeflowTarget.parse(spec.target)
    container = {"name": RAY_SUBMITTER, "image": spec.image, "resources": _SUBMITTER_RESOURCES}
    pod: dict[str, Any] = {"restartPolicy": "Never", "containers": [container], **build_pull_secrets(spec)}
    if target.pod_tolerations:
        pod["tolerations"] = target.pod_tolerations
    return pod
