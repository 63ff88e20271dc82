"""Backend `kubeflow`: a TrainJob of Kubeflow Trainer, or a RayJob of KubeRay, in whatever cluster kubectl points to."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from firelib.errors import FirelibError
from firelib.launch.backend import JobStatus, LostConnectionError
from firelib.launch.backends.kubeflow.pods import pod_problems
from firelib.launch.backends.kubeflow.rayjob import ray_job
from firelib.launch.backends.kubeflow.trainjob import train_job, training_runtime
from firelib.launch.job_record import JobRecord
from firelib.launch.job_spec import JobSpec
from firelib.launch.transfer.code_transfer import send_code

SETTINGS: Mapping[str, str] = {
    "namespace": "where; default: default",
    "context": "of kubectl's configuration; default: the current one",
    "kind": "TrainJob (default) or RayJob",
    "service_account": "of Kubernetes, for the pods",
}

_PLURALS = {"TrainJob": "trainjobs", "TrainingRuntime": "trainingruntimes", "RayJob": "rayjobs"}


def problems(spec: JobSpec) -> list[str]:
    """What the cluster would refuse."""
    found = list(pod_problems(spec))
    if spec.target.get("kind", "TrainJob") not in ("TrainJob", "RayJob"):
        found.append(f"target.kind: should be TrainJob or RayJob, got {spec.target['kind']!r}")
    return found


def request(spec: JobSpec) -> Mapping[str, Any]:
    """The objects, in the order in which they are made."""
    if spec.target.get("kind") == "RayJob":
        return {"objects": [ray_job(spec)]}
    return {"objects": [training_runtime(spec), train_job(spec)]}


def submit(spec: JobSpec) -> Mapping[str, str]:
    """Leave the project in the bucket and make the objects; if one is refused, none is left.

    Raises:
        FirelibError: The cluster refuses or cannot be reached.
    """
    send_code(spec)
    wanted = request(spec)["objects"]
    try:
        for each in wanted:
            with _explained(spec):
                _objects(spec).create_namespaced_custom_object(*_place(each)[:3], _place(each)[3], each)
    except BaseException:
        _remove(spec, wanted)
        raise
    return {"kind": wanted[-1]["kind"], "namespace": wanted[-1]["metadata"]["namespace"]}


def _place(each: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Group, version, namespace and plural of an object."""
    group, _, version = each["apiVersion"].partition("/")
    return group, version, each["metadata"]["namespace"], _PLURALS[each["kind"]]


def status(record: JobRecord) -> JobStatus:
    """From the object's own status."""
    last = request(record.spec)["objects"][-1]
    with _explained(record.spec):
        try:
            found = _objects(record.spec).get_namespaced_custom_object(*_place(last), record.job_id)
        except _api_error() as error:
            if error.status == 404:
                return JobStatus("cancelled", None, "it is not in the cluster any more")
            raise
    return state_of(found)


def state_of(found: Mapping[str, Any]) -> JobStatus:
    """A TrainJob or RayJob as the cluster shows it, in our words. Pure."""
    seen = found.get("status", {})
    if found["kind"] == "RayJob":
        states = {"SUCCEEDED": "succeeded", "FAILED": "failed", "STOPPED": "cancelled", "RUNNING": "running"}
        state: Any = states.get(seen.get("jobStatus", ""), "queued")
        if seen.get("jobDeploymentStatus") == "Failed":
            state = "failed"
        return JobStatus(state, 0 if state == "succeeded" else None, seen.get("message", ""))
    held = {each["type"]: each for each in seen.get("conditions", []) if each["status"] == "True"}
    if "Complete" in held:
        return JobStatus("succeeded", 0, held["Complete"].get("message", ""))
    if "Failed" in held:
        return JobStatus("failed", None, held["Failed"].get("message", ""))
    active = any(each.get("active") for each in seen.get("jobsStatus", []))
    return JobStatus("running" if active else "queued")


def logs(record: JobRecord, follow: bool) -> Iterator[str]:  # noqa: ARG001  `follow` reads again and again
    """What replica 0 has written, as long as its pod is there."""
    namespace = record.handle["namespace"]
    with _explained(record.spec):
        core = _core(record.spec)
        pods = core.list_namespaced_pod(namespace, label_selector=_head_pod(record)).items
        started = [pod for pod in pods if pod.status.phase != "Pending"]
        for pod in sorted(started, key=lambda pod: str(pod.metadata.creation_timestamp)):
            yield core.read_namespaced_pod_log(pod.metadata.name, namespace)


def _head_pod(record: JobRecord) -> str:
    if record.handle["kind"] == "RayJob":
        return f"ray.io/originated-from-cr-name={record.job_id},ray.io/node-type=head"
    return f"jobset.sigs.k8s.io/jobset-name={record.job_id},batch.kubernetes.io/job-completion-index=0"


def cancel(record: JobRecord) -> None:
    """Remove the objects; their pods get SIGTERM."""
    _remove(record.spec, request(record.spec)["objects"])


def _remove(spec: JobSpec, wanted: list[dict[str, Any]]) -> None:
    for each in reversed(wanted):
        with _explained(spec):
            try:
                _objects(spec).delete_namespaced_custom_object(*_place(each), spec.job_id)
            except _api_error() as error:
                if error.status != 404:
                    raise


def _objects(spec: JobSpec) -> Any:
    from kubernetes import client

    return client.CustomObjectsApi(_connection(spec))


def _core(spec: JobSpec) -> Any:
    from kubernetes import client

    return client.CoreV1Api(_connection(spec))


def _connection(spec: JobSpec) -> Any:
    from kubernetes import config

    try:
        return config.new_client_from_config(context=spec.target.get("context"))
    except config.ConfigException as error:
        raise FirelibError(str(error), where="kubectl's configuration", remedy="kubectl config get-contexts") from None


def _api_error() -> Any:
    from kubernetes.client import ApiException

    return ApiException


_REMEDIES = {401: "log in again", 403: "kubectl auth can-i create trainjobs", 404: "is Kubeflow Trainer installed?"}


@contextmanager
def _explained(spec: JobSpec) -> Iterator[None]:
    """Errors of the client in our words."""
    from urllib3.exceptions import HTTPError

    where = f"namespace {spec.target.get('namespace', 'default')}"
    try:
        yield
    except HTTPError as error:
        raise LostConnectionError(
            f"the cluster does not answer: {error}", where=where, remedy="kubectl get pods"
        ) from None
    except _api_error() as error:
        raise FirelibError(
            f"the cluster refuses: {error.status} {error.reason}",
            where=where,
            remedy=_REMEDIES.get(error.status, "firelib submit --dry-run shows the objects"),
        ) from None
