"""A job as a RayJob of KubeRay, which starts and stops Ray; the stage is Ray's driver. Pure.

https://docs.ray.io/en/latest/cluster/kubernetes/getting-started/rayjob-quick-start.html
"""

import shlex
from importlib.metadata import version
from typing import Any

from firelib.launch.backends.kubeflow.pods import build_limits, build_metadata, build_pod_spec, build_variables
from firelib.launch.job_spec import JobSpec
from firelib.launch.transfer.code_transfer import ENTRY

# KubeRay's operator runs in another pod and must reach the dashboard, which a token protects.
_HEAD_PARAMETERS = {"dashboard-host": "0.0.0.0"}  # noqa: S104
# The stage's own time limit ends first, so that it can save a checkpoint.
_GRACE_SECONDS = 300


def build_ray_job(spec: JobSpec) -> dict[str, Any]:
    """Return the RayJob: replica 0 is the head of its Ray cluster, the others are workers."""
    cluster: dict[str, Any] = {
        "rayVersion": version("ray"),
        "authOptions": {"mode": "token"},  # KubeRay generates the token
        "headGroupSpec": {"rayStartParams": _HEAD_PARAMETERS, "template": _pod_template(spec, "ray-head")},
    }
    if spec.replicas.count > 1:
        cluster["workerGroupSpecs"] = [_worker_group(spec, spec.replicas.count - 1)]
    job: dict[str, Any] = {
        "entrypoint": shlex.join([*ENTRY, *spec.command]),
        "submissionMode": "SidecarMode",  # the default mode starts a submitter pod from another image
        "shutdownAfterJobFinishes": True,
        "backoffLimit": spec.replicas.restarts,
        "rayClusterSpec": cluster,
    }
    if spec.timeout_seconds:
        job["activeDeadlineSeconds"] = spec.timeout_seconds + _GRACE_SECONDS
    return {"apiVersion": "ray.io/v1", "kind": "RayJob", "metadata": build_metadata(spec), "spec": job}


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
    if limits := build_limits(spec.resources):
        container["resources"] = limits
    return {"spec": build_pod_spec(spec, container)}
