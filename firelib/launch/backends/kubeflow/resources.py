"""The Kubernetes custom resources that jobs consist of: their API paths, and how their status reads. Pure."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from firelib.launch.backend import JobStatus, State
from firelib.launch.backends.kubeflow.target import Kind

#: Kind of job → kinds of the objects that make it up, in the order of their creation.
OBJECTS: Mapping[Kind, tuple[str, ...]] = {"TrainJob": ("TrainingRuntime", "TrainJob"), "RayJob": ("RayJob",)}

#: Kind of object → API group, version and plural.
API: Mapping[str, tuple[str, str, str]] = {
    "TrainingRuntime": ("trainer.kubeflow.org", "v1alpha1", "trainingruntimes"),
    "TrainJob": ("trainer.kubeflow.org", "v1alpha1", "trainjobs"),
    "RayJob": ("ray.io", "v1", "rayjobs"),
}

#: Label of every object and pod of a job. KubeRay and JobSet keep it; their own labels differ between versions.
JOB_LABEL = "firelib-job"

#: Names of containers. Pods can hold others, too: a service mesh adds its proxy.
TRAINER_NODE, RAY_HEAD, RAY_SUBMITTER = "node", "ray-head", "ray-job-submitter"

_EXIT_CODE = re.compile(r"exit code (\d+)")


class PodContainer(NamedTuple):
    """One container of the pods of a job.

    Attributes:
        selector: Label selector of the pods.
        container: Name of the container.
    """

    selector: str
    container: str


def parse_job_status(resource: Mapping[str, Any]) -> JobStatus:
    """Return the status of a TrainJob or RayJob in firelib's terms."""
    status = resource.get("status", {})
    return _ray_job_status(status) if resource["kind"] == "RayJob" else _train_job_status(status)


def _ray_job_status(status: Mapping[str, Any]) -> JobStatus:
    """Parse the status of a RayJob. `jobStatus` is that of one attempt; `jobDeploymentStatus` says what follows it."""
    message = status.get("message", "")
    match status.get("jobDeploymentStatus", ""), status.get("jobStatus", ""):
        case "Complete", "SUCCEEDED":
            return JobStatus("succeeded", 0, message)
        case "Complete", "STOPPED":
            return JobStatus("cancelled", None, message)
        case (("Complete" | "Failed" | "ValidationFailed"), _):
            code = _EXIT_CODE.search(message)
            reason = ": ".join(filter(None, [status.get("reason", ""), message]))
            return JobStatus("failed", int(code[1]) if code else None, reason)
        case "Running", ("RUNNING" | "SUCCEEDED" | "FAILED" | "STOPPED"):  # KubeRay waits for the end of the log
            return JobStatus("running")
        case deployment, _:
            return JobStatus("queued", None, deployment)


def _train_job_status(status: Mapping[str, Any]) -> JobStatus:
    conditions = {each["type"]: each for each in status.get("conditions", []) if each["status"] == "True"}
    if "Complete" in conditions:
        return JobStatus("succeeded", 0, conditions["Complete"].get("message", ""))
    if "Failed" in conditions:
        return JobStatus("failed", None, conditions["Failed"].get("message", ""))
    is_active = any(each.get("active") for each in status.get("jobsStatus", []))
    state: State = "running" if is_active else "queued"
    return JobStatus(state)


def job_pods(job_id: str) -> str:
    """Return the label selector of all pods of a job."""
    return f"{JOB_LABEL}={job_id}"


def replica_zero(kind: str, job_id: str) -> PodContainer:
    """Return the container that runs replica 0.

    Args:
        kind: `TrainJob` or `RayJob`.
        job_id: Id of the job.
    """
    if kind == "RayJob":
        return PodContainer(f"{job_pods(job_id)},ray.io/node-type=head", RAY_HEAD)
    return PodContainer(f"{job_pods(job_id)},batch.kubernetes.io/job-completion-index=0", TRAINER_NODE)


def stage_log(kind: str, job_id: str) -> PodContainer:
    """Return the container whose log is that of the stage: replica 0, or the one that submitted the stage to Ray.

    Args:
        kind: `TrainJob` or `RayJob`.
        job_id: Id of the job.
    """
    if kind == "RayJob":
        return PodContainer(f"{job_pods(job_id)},batch.kubernetes.io/job-name={job_id}", RAY_SUBMITTER)
    return replica_zero(kind, job_id)
