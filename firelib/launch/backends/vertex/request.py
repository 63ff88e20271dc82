"""A job as a CustomJob, in the terms of Vertex AI's REST API. Pure: no SDK, no network.

https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.customJobs
"""

from collections.abc import Mapping
from typing import Any

from firelib.gcp.machine_types import gpu_kinds
from firelib.job_context import CODE
from firelib.launch.backends.vertex.placements import Placement
from firelib.launch.backends.vertex.target import VertexTarget
from firelib.launch.job_environment import stage_variables
from firelib.launch.job_spec import JobSpec
from firelib.launch.machine_checks import resolve_gpu
from firelib.launch.runtime.platforms import PLATFORM
from firelib.launch.transfer.code_transfer import ENTRY, code_uri

#: Labels that identify a CustomJob: the job's id, and the number of the placement.
JOB_LABEL, PLACEMENT_LABEL = "firelib-job", "firelib-placement"

_STRATEGIES = {"on-demand": "STANDARD", "spot": "SPOT", "flex-start": "FLEX_START"}
# The stage's own time limit ends first, so that it can save a checkpoint.
_GRACE_SECONDS = 300


def build_custom_job(spec: JobSpec, placement: Placement, number: int) -> dict[str, Any]:
    """Return the request for one placement.

    Args:
        spec: The job.
        placement: Region and machines.
        number: Index of the placement among the job's placements.

    Returns:
        `parent` and `customJob`, the arguments of `projects.locations.customJobs.create`.
    """
    target = VertexTarget.parse(spec.target)
    return {
        "parent": f"projects/{target.project}/locations/{placement.region}",
        "customJob": {
            "displayName": spec.job_id,
            "labels": {**spec.labels, JOB_LABEL: spec.job_id, PLACEMENT_LABEL: str(number)},
            "jobSpec": {
                "workerPoolSpecs": _worker_pools(spec, placement),
                "scheduling": _scheduling(spec),
                "baseOutputDirectory": {"outputUriPrefix": _output_folder(spec, target)},
                **_optional_fields(target),
            },
        },
    }


def _output_folder(spec: JobSpec, target: VertexTarget) -> str:
    return target.output or f"{spec.storage_root}/jobs/{spec.job_id}/output"


def _optional_fields(target: VertexTarget) -> dict[str, str]:
    fields = {
        "serviceAccount": target.service_account,
        "network": target.network,
        "tensorboard": target.tensorboard,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _worker_pools(spec: JobSpec, placement: Placement) -> list[dict[str, Any]]:
    """Return the pool of replica 0, and that of the others if there are any."""
    counts = [1, spec.replicas.count - 1] if spec.replicas.count > 1 else [1]
    return [{**_worker_pool(spec, placement), "replicaCount": str(count)} for count in counts]


def _worker_pool(spec: JobSpec, placement: Placement) -> dict[str, Any]:
    variables: Mapping[str, str] = {
        **stage_variables(spec, placement.resources),
        CODE: code_uri(spec),
        PLATFORM: "vertex",
        **_cpu_limit(placement),
    }
    return {
        "machineSpec": _machine_spec(placement),
        "diskSpec": {"bootDiskType": "pd-ssd", "bootDiskSizeGb": placement.resources.disk_gib},
        "containerSpec": {
            "imageUri": spec.image,
            "command": list(ENTRY),
            "args": list(spec.command),
            "env": [{"name": name, "value": value} for name, value in sorted(variables.items())],
        },
    }


def _cpu_limit(placement: Placement) -> dict[str, str]:
    cpus = placement.resources.cpus
    return {"FIRELIB_NUM_CPUS": str(max(1, int(cpus)))} if cpus else {}


def _machine_spec(placement: Placement) -> dict[str, Any]:
    gpu = resolve_gpu(placement.resources)
    machine: dict[str, Any] = {"machineType": placement.resources.machine}
    if gpu is not None:
        machine |= {"acceleratorType": gpu_kinds()[gpu.kind].accelerator, "acceleratorCount": gpu.count}
    return machine


def _scheduling(spec: JobSpec) -> dict[str, Any]:
    """Return the scheduling. A lost replica is restarted and rejoins; the rest of the job keeps running."""
    scheduling: dict[str, Any] = {
        "strategy": _STRATEGIES[spec.replicas.provisioning],
        "restartJobOnWorkerRestart": False,
        "disableRetries": spec.replicas.restarts == 0,
    }
    if spec.timeout_seconds:
        scheduling["timeout"] = f"{spec.timeout_seconds + _GRACE_SECONDS}s"
    if spec.queue_seconds and spec.replicas.provisioning == "flex-start":
        scheduling["maxWaitDuration"] = f"{spec.queue_seconds}s"
    return scheduling
