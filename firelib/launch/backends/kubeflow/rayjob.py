"""A job as KubeRay's RayJob: KubeRay starts Ray and gives it up afterwards, the stage is its driver. Pure."""

import shlex
from importlib.metadata import version
from typing import Any

from firelib.launch.backends.kubeflow.pods import limits, pod, variables
from firelib.launch.job_spec import JobSpec
from firelib.launch.transfer.code_transfer import ENTRY

# KubeRay's operator, which is another pod, has to reach the dashboard; a token protects it.
_START = {"dashboard-host": "0.0.0.0"}  # noqa: S104


def ray_job(spec: JobSpec) -> dict[str, Any]:
    """The object; replica 0 becomes the head, the others its workers."""
    cluster: dict[str, Any] = {
        "rayVersion": version("ray"),
        "authOptions": {"mode": "token"},  # KubeRay makes the token
        "headGroupSpec": {"rayStartParams": _START, "template": _template(spec, "ray-head")},
    }
    if spec.replicas.count > 1:
        cluster["workerGroupSpecs"] = [_workers(spec, spec.replicas.count - 1)]
    wanted: dict[str, Any] = {
        "entrypoint": shlex.join([*ENTRY, *spec.command]),
        "submissionMode": "SidecarMode",  # no pod of another image has to send it
        "shutdownAfterJobFinishes": True,
        "backoffLimit": spec.replicas.restarts,
        "rayClusterSpec": cluster,
    }
    if spec.timeout_seconds:
        wanted["activeDeadlineSeconds"] = spec.timeout_seconds + 300
    metadata = {
        "name": spec.job_id,
        "namespace": spec.target.get("namespace", "default"),
        "labels": {**spec.labels, "firelib-job": spec.job_id},
    }
    return {"apiVersion": "ray.io/v1", "kind": "RayJob", "metadata": metadata, "spec": wanted}


def _workers(spec: JobSpec, count: int) -> dict[str, Any]:
    return {
        "groupName": "workers",
        "replicas": count,
        "minReplicas": count,
        "maxReplicas": count,
        "rayStartParams": {},
        "template": _template(spec, "ray-worker"),
    }


def _template(spec: JobSpec, name: str) -> dict[str, Any]:
    container: dict[str, Any] = {"name": name, "image": spec.image, "env": variables(spec, {})}
    if given := limits(spec.resources):
        container["resources"] = given
    return {"spec": pod(spec, container)}
