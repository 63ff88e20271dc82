"""The containers of a job, as plain data. Pure: no Docker, no network."""

import json
from pathlib import Path
from typing import Any

from firelib import storage
from firelib.launch.images.image_choice import has_gpu, list_components
from firelib.launch.job_environment import SECRETS, stage_variables
from firelib.launch.job_spec import JobSpec
from firelib.launch.vertex_variables import vertex_variables

#: Mount point of a local storage root in the containers.
ROOT = "/firelib/storage"


def build_containers(spec: JobSpec) -> list[dict[str, Any]]:
    """Return the containers of a job, one for each replica.

    Returns:
        For each container: `name`, `image`, `command`, `env`, `mounts` (path on this machine → path inside), `labels`,
        and `limits` (options of `docker run`).
    """
    hosts = [f"{spec.job_id}-{index}" for index in range(spec.replicas.count)]
    return [_container(spec, hosts, index) for index in range(spec.replicas.count)]


def _container(spec: JobSpec, hosts: list[str], index: int) -> dict[str, Any]:
    root = spec.storage_root or str(Path(spec.project, "storage"))
    inside = ROOT if storage.is_local(root) else root
    variables = vertex_variables(spec.job_id, hosts, index, f"{inside}/jobs/{spec.job_id}/output")
    return {
        "name": hosts[index],
        "image": spec.image or f"firelib-{list_components(spec.stage, has_gpu(spec))[0]}",
        "command": list(spec.command),
        "env": {**_variables(spec), "FIRELIB_STORAGE_ROOT": inside, **variables},
        "mounts": {spec.project: "/project", **({root: ROOT} if storage.is_local(root) else {})},
        "labels": {**spec.labels, "firelib.job": spec.job_id, "firelib.replica": str(index)},
        "limits": _limits(spec),
    }


def _variables(spec: JobSpec) -> dict[str, str]:
    variables = stage_variables(spec)
    if spec.secrets:
        variables[SECRETS] = json.dumps({name: f"file:/run/secrets/{name}" for name in sorted(spec.secrets)})
    if spec.resources.cpus:
        variables["FIRELIB_NUM_CPUS"] = str(max(1, int(spec.resources.cpus)))
    return variables


def _limits(spec: JobSpec) -> dict[str, str]:
    """Return options of `docker run`."""
    limits = {"shm-size": "1g"}  # Ray keeps objects in /dev/shm
    if spec.resources.cpus:
        limits["cpus"] = f"{spec.resources.cpus:g}"
    if spec.resources.memory_gib:
        limits["memory"] = f"{int(spec.resources.memory_gib * 1024)}m"
    if spec.resources.gpu:
        limits["gpus"] = str(spec.resources.gpu.count)
    if spec.replicas.restarts:
        limits["restart"] = f"on-failure:{spec.replicas.restarts}"
    return limits
