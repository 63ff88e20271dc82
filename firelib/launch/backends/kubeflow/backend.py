"""Backend `kubeflow`: a TrainJob of Kubeflow Trainer, or a RayJob of KubeRay, in the cluster that kubectl uses."""

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from firelib.console import note
from firelib.errors import FirelibError
from firelib.launch.backend import Backend, JobStatus, LostConnectionError, Shell
from firelib.launch.backends.kubeflow.cleanup import delete_objects, keep_results, read_final_status, read_saved_log
from firelib.launch.backends.kubeflow.client import ClusterClient, current_context
from firelib.launch.backends.kubeflow.pod_states import explain_failure, explain_waiting, find_exit_code, has_started
from firelib.launch.backends.kubeflow.pods import find_pod_problems
from firelib.launch.backends.kubeflow.preflight import check_cluster
from firelib.launch.backends.kubeflow.rayjob import build_ray_job
from firelib.launch.backends.kubeflow.resources import job_pods, parse_job_status, replica_zero, stage_log
from firelib.launch.backends.kubeflow.target import KubeflowTarget
from firelib.launch.backends.kubeflow.trainjob import build_train_job, build_training_runtime
from firelib.launch.images.image_checks import find_image_problems
from firelib.launch.job_record import JobRecord
from firelib.launch.job_spec import JobSpec, refuse
from firelib.launch.plan import Plan, PlanRequest, find_missing, plan_rented_machines
from firelib.launch.transfer.code_transfer import send_code


class KubeflowBackend(Backend):
    """Custom resources of a Kubernetes cluster."""

    name = "kubeflow"
    target_type = KubeflowTarget
    secret_schemes = ("k8s", "gcp")
    sends_code = True
    returns_outputs = True
    runs_components = True

    def preflight(self, spec: JobSpec) -> Iterable[str]:
        """Yield what the registry says against the image, if it answers: nodes may have credentials of their own."""
        return find_image_problems(spec, must_answer=False)

    def find_problems(self, spec: JobSpec) -> Iterable[str]:
        """Return what the cluster would refuse."""
        return find_pod_problems(spec)

    def plan(self, request: PlanRequest, project: Path, environ: Mapping[str, str]) -> Plan:  # noqa: ARG002
        """Return the plan: nodes of the cluster, at the prices of Compute Engine."""
        if request.replicas.provisioning == "flex-start":
            return Plan(self.name, "none", missing=["--provisioning on-demand or spot, not flex-start"])
        return plan_rented_machines(self.name, request, "compute", [*find_missing(request, "kubeflow", self.name)])

    def request(self, spec: JobSpec) -> Mapping[str, Any]:
        """Return the objects, in the order of their creation."""
        if KubeflowTarget.parse(spec.target).kind == "RayJob":
            return {"objects": [build_ray_job(spec)]}
        return {"objects": [build_training_runtime(spec), build_train_job(spec)]}

    def submit(self, spec: JobSpec) -> Mapping[str, str]:
        """Upload the code and create the objects; if one is refused, delete the others.

        Before anything is sent, the cluster is asked whether the job can start.

        Raises:
            FirelibError: The cluster refuses or does not answer.
        """
        refuse(self.preflight(spec), where=f"job {spec.job_id} for kubeflow")
        target = KubeflowTarget.parse(spec.target)
        context = target.context or current_context()
        client = ClusterClient(target.namespace, context)
        check_cluster(client, spec)
        send_code(spec)
        _own_the_others(client, _create_all(client, self.request(spec)["objects"]))
        return {"kind": target.kind, "namespace": target.namespace, **({"context": context} if context else {})}

    def status(self, record: JobRecord) -> JobStatus:
        """Return the state that the TrainJob or RayJob reports, with the reason of a wait and the stage's exit code."""
        if ended := read_final_status(record):
            return ended
        return _read_status(_client(record), record)

    def logs(self, record: JobRecord, follow: bool) -> Iterator[str]:  # noqa: ARG002  callers read again and again
        """Yield what the stage has written: from the cluster, and after the job's end from this machine."""
        saved = read_saved_log(record)
        if saved is not None:
            yield saved
            return
        client, source = _client(record), stage_log(record.handle["kind"], record.job_id)
        yield from (text for _, text in client.pod_logs(source))

    def open_log(self, record: JobRecord) -> Callable[[], Iterator[str]]:
        """Return a function that yields what each pod has written since its last call; pods of lost nodes vanish."""
        shown: dict[str, int] = {}

        def read_on() -> Iterator[str]:
            saved = read_saved_log(record)
            if saved is not None:  # the job's objects are deleted
                seen = sum(shown.values())
                shown[""] = shown.get("", 0) + max(0, len(saved) - seen)
                yield saved[seen:]
                return
            for pod, text in _client(record).pod_logs(stage_log(record.handle["kind"], record.job_id)):
                seen, shown[pod] = shown.get(pod, 0), max(len(text), shown.get(pod, 0))
                yield text[seen:]

        return read_on

    def advance(self, record: JobRecord) -> JobRecord:
        """Keep the log and the status of a finished job here, and delete its objects."""
        if read_final_status(record):
            return record
        client, kind = _client(record), record.handle["kind"]
        if client.find(kind, record.job_id) is None:
            return record
        status = _read_status(client, record)
        if status.is_over:
            keep_results(record, status, "".join(self.logs(record, False)))
            delete_objects(client, kind, record.job_id)
        return record

    def cancel(self, record: JobRecord) -> None:
        """Delete the objects; Kubernetes sends SIGTERM to their pods."""
        delete_objects(_client(record), record.handle["kind"], record.job_id)

    def shell(self, record: JobRecord) -> Shell:
        """Return `kubectl exec` in the pod of replica 0, for the user, whose kubectl knows how to sign in."""
        context = _context(record)
        given = ("--context", context) if context else ()
        kubectl = shlex.join(["kubectl", *given, "--namespace", record.handle["namespace"]])
        head = replica_zero(record.handle["kind"], record.job_id)
        pod = f"{kubectl} get pods --output name --selector {shlex.quote(head.selector)}"
        run = f'{kubectl} exec --stdin --tty "$({pod} | head -n 1)" --container {head.container} -- sh'
        return Shell(("sh", "-c", run), is_direct=False)


def _client(record: JobRecord) -> ClusterClient:
    return ClusterClient(record.handle["namespace"], _context(record))


def _context(record: JobRecord) -> str | None:
    """Return the context that was current when the job was sent: by now, it may be another one."""
    return record.handle.get("context") or KubeflowTarget.parse(record.spec.target).context


def _read_status(client: ClusterClient, record: JobRecord) -> JobStatus:
    kind = record.handle["kind"]
    resource = client.find(kind, record.job_id)
    if resource is None:
        return JobStatus("cancelled", None, "the object no longer exists in the cluster")
    status = parse_job_status(resource)
    return status if status.state == "succeeded" else _explain(status, kind, client, record.job_id)


def _explain(status: JobStatus, kind: str, client: ClusterClient, job_id: str) -> JobStatus:
    """Add what the pods of a job say: why they wait or were ended, and the exit code of replica 0."""
    pods = client.list_pods(job_pods(job_id))
    if not status.is_over:
        # A TrainJob counts pods that wait for a node as active.
        state = status.state if kind == "RayJob" or has_started(pods) else "queued"
        return replace(status, state=state, message=explain_waiting(pods) or status.message)
    reason = explain_failure(pods)
    message = f"{status.message} ({reason})" if reason else status.message
    if kind == "TrainJob" and status.exit_code is None:
        head = replica_zero(kind, job_id)
        code = find_exit_code(client.list_pods(head.selector), head.container)
        return replace(status, message=message, exit_code=code or None)
    return replace(status, message=message)


def _create_all(client: ClusterClient, resources: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Create the objects of a job; if that fails, delete those that were created, and no other of the same name."""
    created: list[Mapping[str, Any]] = []
    for resource in resources:
        try:
            created.append(client.create(resource))
        except BaseException as error:
            is_refused = isinstance(error, FirelibError) and not isinstance(error, LostConnectionError)
            for each in reversed(created if is_refused else [*created, resource]):
                client.delete(each["kind"], each["metadata"]["name"])
            raise
    return created


def _own_the_others(client: ClusterClient, created: Sequence[Mapping[str, Any]]) -> None:
    """Make the last object own the others, so that `kubectl delete` of the job alone leaves nothing."""
    *others, owner = created
    for each in others:
        try:
            client.set_owner(each["kind"], each["metadata"]["name"], owner)
        except FirelibError as error:
            note(f"warning: {error}\ndelete the job with firelib cancel: kubectl would leave its {each['kind']}")
