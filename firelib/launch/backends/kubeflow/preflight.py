"""What a cluster would refuse or never start, asked before anything is sent. Nothing in the cluster changes."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from firelib.errors import FirelibError
from firelib.launch.backend import LostConnectionError
from firelib.launch.backends.kubeflow.client import ClusterClient
from firelib.launch.backends.kubeflow.pods import parse_cluster_secrets
from firelib.launch.backends.kubeflow.resources import API, OBJECTS
from firelib.launch.backends.kubeflow.target import KubeflowTarget
from firelib.launch.job_spec import JobSpec, refuse

Answer = TypeVar("Answer")

_PRODUCTS = {"TrainJob": "Kubeflow Trainer 2.0 or newer with JobSet", "RayJob": "KubeRay 1.5.1 or newer"}


def check_cluster(client: ClusterClient, spec: JobSpec) -> None:
    """Ask the cluster whether a job can start there.

    Args:
        client: The cluster and the namespace of the job.
        spec: The job.

    Raises:
        LostConnectionError: The API server does not answer.
        FirelibError: The job cannot start. The error names all reasons.
    """
    target = KubeflowTarget.parse(spec.target)
    problems = [
        *_find_platform_problems(client, target),
        *_find_missing_kinds(client, target),
        *_find_missing_objects(client, target, spec),
        *_find_missing_rights(client, target),
    ]
    refuse(problems, where=f"the cluster, namespace {target.namespace}", remedy="correct the job or the cluster")


def _find_platform_problems(client: ClusterClient, target: KubeflowTarget) -> Iterator[str]:
    version = str((client.get("/version") or {}).get("gitVersion", ""))
    if target.platform == "gke" and version and "-gke." not in version:
        yield f"target.platform: the cluster ({version}) is not Google's: --set platform=generic"


def _find_missing_kinds(client: ClusterClient, target: KubeflowTarget) -> Iterator[str]:
    for kind in OBJECTS[target.kind]:
        group, version, plural = API[kind]
        served = client.get(f"/apis/{group}/{version}") or {}
        if plural not in {each["name"] for each in served.get("resources", [])}:
            product = _PRODUCTS[target.kind]
            yield f"target.kind: the cluster does not serve {plural}.{group}/{version}: install {product}"


def _find_missing_objects(client: ClusterClient, target: KubeflowTarget, spec: JobSpec) -> Iterator[str]:
    namespace = f"/api/v1/namespaces/{target.namespace}"
    if _is_missing(client, namespace):
        yield (
            f"target.namespace: {target.namespace!r} does not exist: kubectl create namespace {target.namespace}, "
            "or --set namespace=NAME"
        )
        return
    for variable, (secret, key) in parse_cluster_secrets(spec).items():
        yield from _find_secret_problems(client, f"{namespace}/secrets/{secret}", variable, secret, key)
    for secret in target.pull_secrets:
        if _is_missing(client, f"{namespace}/secrets/{secret}"):
            yield f"target.image_pull_secrets: the namespace has no secret {secret!r}"
    if target.service_account and _is_missing(client, f"{namespace}/serviceaccounts/{target.service_account}"):
        yield f"target.service_account: the namespace has no service account {target.service_account!r}"
    for kind in OBJECTS[target.kind]:
        if _ask(lambda: client.find(kind, spec.job_id)) is not None:  # noqa: B023  called at once
            yield f"job_id: the namespace has a {kind} {spec.job_id!r} already"


def _find_secret_problems(client: ClusterClient, path: str, variable: str, secret: str, key: str) -> Iterator[str]:
    if _is_missing(client, path):
        yield (
            f"secrets.{variable}: the namespace has no secret {secret!r}: "
            f"kubectl create secret generic {secret} --from-file={key}=FILE"
        )
        return
    found = _ask(lambda: client.get(path))
    if found is not None and key not in found.get("data", {}):
        yield f"secrets.{variable}: the secret {secret!r} has no key {key!r}"


def _is_missing(client: ClusterClient, path: str) -> bool:
    """Whether an object does not exist, as far as the caller may know."""
    return _ask(lambda: client.get(path) is None) or False


def _find_missing_rights(client: ClusterClient, target: KubeflowTarget) -> Iterator[str]:
    kinds = [API[kind] for kind in OBJECTS[target.kind]]
    needed = [(verb, group, plural) for group, _, plural in kinds for verb in ("create", "get", "delete")]
    for verb, group, resource in [*needed, ("list", "", "pods"), ("get", "", "pods/log")]:
        if _ask(lambda: client.may(verb, group, resource)) is False:  # noqa: B023  called at once
            name = f"{resource}{'.' + group if group else ''}"
            yield f"rights: kubectl auth can-i {verb} {name} --namespace {target.namespace} says no"


def _ask(question: Callable[[], Answer]) -> Answer | None:
    """Return an answer of the cluster, or None where it gives none: many users may refer to secrets, but not read them.

    Raises:
        LostConnectionError: The API server does not answer.
    """
    try:
        return question()
    except LostConnectionError:
        raise
    except FirelibError:
        return None
