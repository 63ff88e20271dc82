"""Backend `kubeflow`: a TrainJob of Kubeflow Trainer, or a RayJob of KubeRay, in the cluster that kubectl uses."""

import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from firelib.launch.backend import Backend, JobStatus, Shell
from firelib.launch.backends.kubeflow.client import ClusterClient
from firelib.launch.backends.kubeflow.pods import find_pod_problems
from firelib.launch.backends.kubeflow.rayjob import build_ray_job
from firelib.launch.backends.kubeflow.resources import OBJECTS, build_head_selector, parse_job_status
from firelib.launch.backends.kubeflow.target import Kind, KubeflowTarget
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
        return plan_rented_machines(self.name, request, "compute", [*find_missing(request, "kubeflow", self.name)])

    def request(self, spec: JobSpec) -> Mapping[str, Any]:
        """Return the objects, in the order of their creation."""
        if KubeflowTarget.parse(spec.target).kind == "RayJob":
            return {"objects": [build_ray_job(spec)]}
        return {"objects": [build_training_runtime(spec), build_train_job(spec)]}

    def submit(self, spec: JobSpec) -> Mapping[str, str]:
        """Upload the code and create the objects; if one is refused, delete the others.

        Raises:
            FirelibError: The cluster refuses or does not answer.
        """
        refuse(self.preflight(spec), where=f"job {spec.job_id} for kubeflow")
        send_code(spec)
        target = KubeflowTarget.parse(spec.target)
        client = ClusterClient(target.namespace, target.context)
        try:
            for resource in self.request(spec)["objects"]:
                client.create(resource)
        except BaseException:
            _delete(client, target.kind, spec.job_id)
            raise
        return {"kind": target.kind, "namespace": target.namespace}

    def status(self, record: JobRecord) -> JobStatus:
        """Return the state that the TrainJob or RayJob reports."""
        resource = _client(record).find(record.handle["kind"], record.job_id)
        if resource is None:
            return JobStatus("cancelled", None, "the object no longer exists in the cluster")
        return parse_job_status(resource)

    def logs(self, record: JobRecord, follow: bool) -> Iterator[str]:  # noqa: ARG002  callers read again and again
        """Yield what replica 0 has written, while its pod exists."""
        return _client(record).pod_logs(build_head_selector(record.handle["kind"], record.job_id))

    def cancel(self, record: JobRecord) -> None:
        """Delete the objects; Kubernetes sends SIGTERM to their pods."""
        _delete(_client(record), cast(Kind, record.handle["kind"]), record.job_id)

    def shell(self, record: JobRecord) -> Shell:
        """Return `kubectl exec` in the pod of replica 0, for the user, whose kubectl knows how to sign in."""
        context = KubeflowTarget.parse(record.spec.target).context
        given = ("--context", context) if context else ()
        kubectl = shlex.join(["kubectl", *given, "--namespace", record.handle["namespace"]])
        selector = shlex.quote(build_head_selector(record.handle["kind"], record.job_id))
        pod = f"{kubectl} get pods --output name --selector {selector}"
        return Shell(("sh", "-c", f'{kubectl} exec --stdin --tty "$({pod} | head -n 1)" -- sh'), is_direct=False)


def _client(record: JobRecord) -> ClusterClient:
    return ClusterClient(record.handle["namespace"], KubeflowTarget.parse(record.spec.target).context)


def _delete(client: ClusterClient, kind: Kind, job_id: str) -> None:
    for each in reversed(OBJECTS[kind]):
        client.delete(each, job_id)
