"""A job as a TrainJob of Kubeflow Trainer v2. Pure.

Trainer has no runtime for TensorFlow, and firelib needs none: the runtime is a plain indexed Job, and the image's own
entry point makes one Ray cluster of its pods. The objects use fields of Trainer 2.0 only, which later versions keep.

https://www.kubeflow.org/docs/components/trainer/
"""

from typing import Any

from firelib.launch.backends.kubeflow.pods import (
    build_cpu_limit,
    build_limits,
    build_metadata,
    build_pod_metadata,
    build_pod_spec,
    build_variables,
)
from firelib.launch.backends.kubeflow.resources import TRAINER_NODE
from firelib.launch.job_spec import JobSpec
from firelib.launch.runtime.platforms import PLATFORM
from firelib.launch.runtime.replica import HEAD, REPLICAS
from firelib.launch.transfer.code_transfer import ENTRY

_GROUP = "trainer.kubeflow.org"
_API_VERSION = f"{_GROUP}/v1alpha1"
# The stage's own time limit ends first, so that it can save a checkpoint. The image is pulled within this time, too.
_GRACE_SECONDS = 900


def build_training_runtime(spec: JobSpec) -> dict[str, Any]:
    """Return the TrainingRuntime, which describes the pods of this one job and is deleted with it."""
    pod = build_pod_spec(spec, {"name": TRAINER_NODE, "image": spec.image})
    if spec.timeout_seconds:
        # The limit of a TrainJob exists from Trainer 2.2 on, deletes the pods with their logs, and counts the wait for
        # nodes. The limit of a pod begins when a node has accepted it.
        pod["activeDeadlineSeconds"] = spec.timeout_seconds + _GRACE_SECONDS
    job = {"backoffLimit": spec.replicas.restarts, "template": {"metadata": build_pod_metadata(spec), "spec": pod}}
    replicated_job = {
        "name": TRAINER_NODE,
        "template": {"metadata": {"labels": {f"{_GROUP}/trainjob-ancestor-step": "trainer"}}, "spec": job},
    }
    return {
        "apiVersion": _API_VERSION,
        "kind": "TrainingRuntime",
        "metadata": build_metadata(spec),
        "spec": {
            "mlPolicy": {"numNodes": spec.replicas.count},
            "template": {"spec": {"replicatedJobs": [replicated_job]}},
        },
    }


def build_train_job(spec: JobSpec) -> dict[str, Any]:
    """Return the TrainJob, which runs the stage in the pods of the job's TrainingRuntime."""
    trainer: dict[str, Any] = {
        "image": spec.image,
        "command": list(ENTRY),
        "args": list(spec.command),
        "numNodes": spec.replicas.count,
        "env": build_variables(spec, _replica_variables(spec)),
    }
    if limits := build_limits(spec):
        trainer["resourcesPerNode"] = limits
    job = {
        "runtimeRef": {"apiGroup": _GROUP, "kind": "TrainingRuntime", "name": spec.job_id},
        "trainer": trainer,
    }
    return {"apiVersion": _API_VERSION, "kind": "TrainJob", "metadata": build_metadata(spec), "spec": job}


def _replica_variables(spec: JobSpec) -> dict[str, str]:
    """Return what a pod needs to find the others: their number, and the host name that JobSet gives replica 0."""
    variables = {PLATFORM: "kubernetes", **build_cpu_limit(spec.resources)}
    if spec.replicas.count == 1:
        return variables
    head = f"{spec.job_id}-{TRAINER_NODE}-0-0.{spec.job_id}"
    return {**variables, REPLICAS: str(spec.replicas.count), HEAD: head}
