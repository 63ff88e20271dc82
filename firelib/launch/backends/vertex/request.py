"""A job as a CustomJob, in the terms of Vertex AI's REST API. Pure: no SDK, no network.

https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.customJobs
"""

from collections.abc import Mapping
from typing import Any

from firelib.gcp.disk_types import default_disk_type, explain_disk_mismatch
from firelib.gcp.machine_types import gpu_kinds
from firelib.job_context import CODE
from firelib.launch.backends.vertex.pass_through import apply_fields
from firelib.launch.backends.vertex.placements import Placement
from firelib.launch.backends.vertex.target import VertexTarget
from firelib.launch.job_environment import stage_variables
from firelib.launch.job_spec import JobSpec
from firelib.launch.machine_checks import resolve_gpu
from firelib.launch.runtime.platforms import PLATFORM
from firelib.launch.transfer.code_transfer import ENTRY, code_uri

#: Labels that identify a CustomJob: the job's id, and the number of the placement.
JOB_LABEL, PLACEMENT_LABEL = "firelib-job", "firelib-placement"

_DISK_TYPE = "pd-ssd"
_STRATEGIES = {"on-demand": "STANDARD", "spot": "SPOT", "flex-start": "FLEX_START"}
#: The stage's own time limit ends that much earlier, so that it can save a checkpoint.
GRACE_SECONDS = 300


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
    job: dict[str, Any] = {
        "displayName": spec.job_id,
        "labels": {**spec.labels, JOB_LABEL: spec.job_id, PLACEMENT_LABEL: str(number)},
        "jobSpec": {
            "workerPoolSpecs": _worker_pools(spec, placement, _variables(spec, placement, target)),
            "scheduling": _scheduling(spec),
            "baseOutputDirectory": {"outputUriPrefix": output_folder(spec, target)},
            **_optional_fields(target),
        },
    }
    apply_fields(job, target.fields)
    return {"parent": f"projects/{target.project}/locations/{placement.region}", "customJob": job}


def output_folder(spec: JobSpec, target: VertexTarget) -> str:
    """Return the base output directory of a job, below which Vertex AI names folders for models and logs."""
    return target.output or f"{spec.storage_root}/jobs/{spec.job_id}/output"


def _optional_fields(target: VertexTarget) -> dict[str, str]:
    fields = {
        "serviceAccount": target.service_account,
        "network": target.network,
        "tensorboard": target.tensorboard,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _variables(spec: JobSpec, placement: Placement, target: VertexTarget) -> dict[str, str]:
    """Return the variables of the stage; with a TensorBoard instance, it writes event files if nothing else is set."""
    tracking = {"FIRELIB_TRACKING": "tensorboard"} if target.tensorboard else {}
    return {**tracking, **stage_variables(spec, placement.resources), CODE: code_uri(spec), PLATFORM: "vertex"}


def _worker_pools(spec: JobSpec, placement: Placement, variables: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the pool of replica 0, and that of the others if there are any."""
    counts = [1, spec.replicas.count - 1] if spec.replicas.count > 1 else [1]
    return [{**_worker_pool(spec, placement, variables), "replicaCount": str(count)} for count in counts]


def _worker_pool(spec: JobSpec, placement: Placement, variables: Mapping[str, str]) -> dict[str, Any]:
    environment = {**variables, **_cpu_limit(placement)}
    return {
        "machineSpec": _machine_spec(placement),
        "diskSpec": {"bootDiskType": _disk_type(placement), "bootDiskSizeGb": placement.resources.disk_gib},
        "containerSpec": {
            "imageUri": spec.image,
            "command": list(ENTRY),
            "args": list(spec.command),
            "env": [{"name": name, "value": value} for name, value in sorted(environment.items())],
        },
    }


def _disk_type(placement: Placement) -> str:
    """Return the fastest disk type that the machine boots from."""
    machine_type = placement.resources.machine or ""
    return default_disk_type(machine_type) if explain_disk_mismatch(machine_type, _DISK_TYPE) else _DISK_TYPE


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
        scheduling["timeout"] = f"{spec.timeout_seconds + GRACE_SECONDS}s"
    if spec.replicas.provisioning == "flex-start":  # 0 means to wait for ever; without a value, it would be a day
        scheduling["maxWaitDuration"] = f"{spec.queue_seconds or 0}s"
    return scheduling
