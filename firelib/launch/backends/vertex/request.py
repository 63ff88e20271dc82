"""A job as Vertex AI's CustomJob, in the words of its REST API. Pure: no SDK, no network."""

from collections.abc import Mapping
from typing import Any

from firelib.gcp.machine_types import gpu_kinds
from firelib.job_context import CODE
from firelib.launch.backends.vertex.placements import Place
from firelib.launch.job_environment import stage_variables
from firelib.launch.job_spec import JobSpec
from firelib.launch.machine_checks import resolve_gpu
from firelib.launch.transfer.code_transfer import ENTRY, code_uri

#: Labels by which all that a job started is found again.
JOB_LABEL, PLACE_LABEL = "firelib-job", "firelib-place"

_STRATEGIES = {"on-demand": "STANDARD", "spot": "SPOT", "flex-start": "FLEX_START"}
# The stage's own limit comes first, so that it can save a checkpoint.
_GRACE_SECONDS = 300


def custom_job(spec: JobSpec, place: Place, number: int) -> dict[str, Any]:
    """The request for one place.

    Args:
        spec: The job.
        place: Region and machines.
        number: Which of the job's places it is.

    Returns:
        `parent` and `customJob`, as `projects.locations.customJobs.create` takes them.
    """
    return {
        "parent": f"projects/{spec.target['project']}/locations/{place.region}",
        "customJob": {
            "displayName": spec.job_id,
            "labels": {**spec.labels, JOB_LABEL: spec.job_id, PLACE_LABEL: str(number)},
            "jobSpec": {
                "workerPoolSpecs": _pools(spec, place),
                "scheduling": _scheduling(spec),
                "baseOutputDirectory": {"outputUriPrefix": output_folder(spec)},
                **_given(spec.target),
            },
        },
    }


def output_folder(spec: JobSpec) -> str:
    """Where Vertex AI lets a job's model, checkpoints and logs lie."""
    return spec.target.get("output") or f"{spec.storage_root}/jobs/{spec.job_id}/output"


def _given(target: Mapping[str, str]) -> dict[str, str]:
    names = {"service_account": "serviceAccount", "network": "network", "tensorboard": "tensorboard"}
    return {theirs: target[ours] for ours, theirs in names.items() if ours in target}


def _pools(spec: JobSpec, place: Place) -> list[dict[str, Any]]:
    """Replica 0 is the primary, the others are workers; all alike."""
    counts = [1, spec.replicas.count - 1] if spec.replicas.count > 1 else [1]
    return [{**_pool(spec, place), "replicaCount": str(count)} for count in counts]


def _pool(spec: JobSpec, place: Place) -> dict[str, Any]:
    variables = {**stage_variables(spec), CODE: code_uri(spec)}
    if place.resources.cpus:
        variables["FIRELIB_NUM_CPUS"] = str(max(1, int(place.resources.cpus)))
    return {
        "machineSpec": _machine(place),
        "diskSpec": {"bootDiskType": "pd-ssd", "bootDiskSizeGb": place.resources.disk_gib},
        "containerSpec": {
            "imageUri": spec.image,
            "command": list(ENTRY),
            "args": list(spec.command),
            "env": [{"name": name, "value": value} for name, value in sorted(variables.items())],
        },
    }


def _machine(place: Place) -> dict[str, Any]:
    gpu = resolve_gpu(place.resources)
    asked: dict[str, Any] = {"machineType": place.resources.machine}
    if gpu is not None:
        asked |= {"acceleratorType": gpu_kinds()[gpu.kind].accelerator, "acceleratorCount": gpu.count}
    return asked


def _scheduling(spec: JobSpec) -> dict[str, Any]:
    """Replicas that were lost come back by themselves and join; the whole job is not restarted for one of them."""
    asked: dict[str, Any] = {
        "strategy": _STRATEGIES[spec.replicas.provisioning],
        "restartJobOnWorkerRestart": False,
        "disableRetries": spec.replicas.restarts == 0,
    }
    if spec.timeout_seconds:
        asked["timeout"] = f"{spec.timeout_seconds + _GRACE_SECONDS}s"
    if spec.queue_seconds and spec.replicas.provisioning == "flex-start":
        asked["maxWaitDuration"] = f"{spec.queue_seconds}s"
    return asked
