"""A job as Kubeflow Trainer's TrainJob. Pure.

Trainer has no runtime for TensorFlow, and needs none: the runtime is a plain indexed job, and the image's own entry
point makes one Ray cluster of its pods.
"""

from typing import Any

from firelib.launch.backends.kubeflow.pods import limits, pod, variables
from firelib.launch.job_spec import JobSpec
from firelib.launch.runtime.replica import HEAD, REPLICAS
from firelib.launch.transfer.code_transfer import ENTRY

GROUP, VERSION = "trainer.kubeflow.org", "v1alpha1"
_NODE = "node"


def training_runtime(spec: JobSpec) -> dict[str, Any]:
    """How the pods of this job are made; it goes away with the job."""
    job = {
        "backoffLimit": spec.replicas.restarts,
        "template": {"spec": pod(spec, {"name": _NODE, "image": spec.image})},
    }
    replicated = {
        "name": _NODE,
        "template": {"metadata": {"labels": {f"{GROUP}/trainjob-ancestor-step": "trainer"}}, "spec": job},
    }
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "TrainingRuntime",
        "metadata": _metadata(spec),
        "spec": {"mlPolicy": {"numNodes": spec.replicas.count}, "template": {"spec": {"replicatedJobs": [replicated]}}},
    }


def train_job(spec: JobSpec) -> dict[str, Any]:
    """The job."""
    trainer: dict[str, Any] = {
        "image": spec.image,
        "command": list(ENTRY),
        "args": list(spec.command),
        "numNodes": spec.replicas.count,
        "env": variables(spec, _place(spec)),
    }
    if given := limits(spec.resources):
        trainer["resourcesPerNode"] = given
    wanted: dict[str, Any] = {
        "runtimeRef": {"apiGroup": GROUP, "kind": "TrainingRuntime", "name": spec.job_id},
        "trainer": trainer,
    }
    if spec.timeout_seconds:
        wanted["activeDeadlineSeconds"] = spec.timeout_seconds + 300  # the stage's own limit comes first
    return {"apiVersion": f"{GROUP}/{VERSION}", "kind": "TrainJob", "metadata": _metadata(spec), "spec": wanted}


def _place(spec: JobSpec) -> dict[str, str]:
    """What a pod needs beside its index: how many there are, and the name that JobSet gives the first one."""
    count = spec.replicas.count
    more = {"FIRELIB_NUM_CPUS": str(max(1, int(spec.resources.cpus)))} if spec.resources.cpus else {}
    if count == 1:
        return more
    return {**more, REPLICAS: str(count), HEAD: f"{spec.job_id}-{_NODE}-0-0.{spec.job_id}"}


def _metadata(spec: JobSpec) -> dict[str, Any]:
    return {
        "name": spec.job_id,
        "namespace": spec.target.get("namespace", "default"),
        "labels": {**spec.labels, "firelib-job": spec.job_id},
    }
