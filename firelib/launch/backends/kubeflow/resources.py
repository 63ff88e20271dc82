"""The Kubernetes custom resources that jobs consist of: their API paths, and how their status reads. Pure."""

from collections.abc import Mapping
from typing import Any

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

_RAY_STATES: Mapping[str, State] = {
    "SUCCEEDED": "succeeded",
    "FAILED": "failed",
    "STOPPED": "cancelled",
    "RUNNING": "running",
}


def parse_job_status(resource: Mapping[str, Any]) -> JobStatus:
    """Return the status of a TrainJob or RayJob in firelib's terms."""
    status = resource.get("status", {})
    return _ray_job_status(status) if resource["kind"] == "RayJob" else _train_job_status(status)


def _ray_job_status(status: Mapping[str, Any]) -> JobStatus:
    state = _RAY_STATES.get(status.get("jobStatus", ""), "queued")
    if status.get("jobDeploymentStatus") == "Failed":
        state = "failed"
    return JobStatus(state, 0 if state == "succeeded" else None, status.get("message", ""))


def _train_job_status(status: Mapping[str, Any]) -> JobStatus:
    conditions = {each["type"]: each for each in status.get("conditions", []) if each["status"] == "True"}
    if "Complete" in conditions:
        return JobStatus("succeeded", 0, conditions["Complete"].get("message", ""))
    if "Failed" in conditions:
        return JobStatus("failed", None, conditions["Failed"].get("message", ""))
    is_active = any(each.get("active") for each in status.get("jobsStatus", []))
    return JobStatus("running" if is_active else "queued")


def build_head_selector(kind: str, job_id: str) -> str:
    """Return the label selector of the pod that runs replica 0.

    Args:
        kind: `TrainJob` or `RayJob`.
        job_id: Id of the job.
    """
    if kind == "RayJob":
        return f"ray.io/originated-from-cr-name={job_id},ray.io/node-type=head"
    return f"jobset.sigs.k8s.io/jobset-name={job_id},batch.kubernetes.io/job-completion-index=0"
