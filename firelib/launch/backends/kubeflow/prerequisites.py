"""`firelib doctor --to kubernetes` and `--to kubeflow`: what the first job needs in the cluster. Changes nothing."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from firelib.config import load_params
from firelib.doctor.concurrent_checks import run_checks
from firelib.doctor.finding import Finding
from firelib.errors import FirelibError
from firelib.extras import find_missing
from firelib.launch.backends.kubeflow.resources import API, OBJECTS
from firelib.launch.backends.kubeflow.target import Kind, KubeflowTarget

_SECONDS, _REQUEST_SECONDS = 45.0, 10.0
_FORBIDDEN, _NOT_FOUND = 403, 404
_INSTALL: Mapping[Kind, str] = {
    "RayJob": "install KubeRay in the cluster: helm install kuberay-operator kuberay/kuberay-operator",
    "TrainJob": "install Kubeflow Trainer 2 with JobSet in the cluster, or use KubeRay: --set kind=RayJob",
}
_CONNECT = "test the connection: kubectl version; list contexts: kubectl config get-contexts"


def check_kuberay(settings: Mapping[str, str], project: Path, environ: Mapping[str, str]) -> list[Finding]:
    """Check what jobs of kind RayJob need.

    Args:
        settings: Values of `--set`: `namespace`, `context`.
        project: The project's folder, whose parameters may name the bucket.
        environ: Environment variables.
    """
    return _check("RayJob", settings, project, environ)


def check_trainer(settings: Mapping[str, str], project: Path, environ: Mapping[str, str]) -> list[Finding]:
    """Check what jobs of kind TrainJob need.

    Args:
        settings: Values of `--set`: `namespace`, `context`.
        project: The project's folder, whose parameters may name the bucket.
        environ: Environment variables.
    """
    return _check("TrainJob", settings, project, environ)


def _check(kind: Kind, settings: Mapping[str, str], project: Path, environ: Mapping[str, str]) -> list[Finding]:
    packages = _check_packages()
    target, problems = KubeflowTarget.parse_with_problems(settings)
    local = [packages, *(Finding("settings", "error", text, "correct --set NAME=VALUE") for text in problems)]
    local.append(_check_storage(project, environ))
    if packages.status != "ok" or problems:
        return local
    try:
        client = _connect(target)
    except FirelibError as error:
        return [*local, Finding.from_error("cluster", error, _CONNECT)]
    checks: Mapping[str, Callable[[Any, KubeflowTarget, Kind], Iterator[Finding]]] = {
        "cluster": _check_version,
        "objects": _check_objects,
        "namespace": _check_namespace,
        "your rights": _check_rights,
    }
    bound = {name: partial(_explain, name, check, client, target, kind) for name, check in checks.items()}
    return [*local, *run_checks(bound, _SECONDS, _CONNECT)]


def _check_packages() -> Finding:
    if missing := find_missing(("kubernetes", "kubeflow")):
        remedy = "make kubernetes (or pip install 'firelib[kubeflow,gcs]')"
        return Finding("packages", "error", f"missing: {', '.join(missing)}", remedy)
    return Finding("packages", "ok", "extra kubeflow is installed")


def _check_storage(project: Path, environ: Mapping[str, str]) -> Finding:
    """Pods of several nodes share nothing but a bucket."""
    root = environ.get("FIRELIB_STORAGE_ROOT") or _read_root(project / "params.yaml")
    if root.startswith(("gs://", "s3://")):
        return Finding("storage", "ok", root)
    detail = f"storage.root: expected a bucket that the pods may read and write, got {root!r}"
    return Finding("storage", "error", detail, "export FIRELIB_STORAGE_ROOT=gs://BUCKET/firelib (or s3://…)")


def _read_root(params: Path) -> str:
    try:
        return load_params(params).storage.root
    except FirelibError:  # firelib doctor checks the file
        return ""


def _connect(target: KubeflowTarget) -> Any:
    from kubernetes import config

    try:
        return config.new_client_from_config(context=target.context)
    except config.ConfigException as error:
        raise FirelibError(str(error), where="kubectl's configuration", remedy=_CONNECT) from None


def _explain(
    name: str,
    check: Callable[[Any, KubeflowTarget, Kind], Iterator[Finding]],
    client: Any,
    target: KubeflowTarget,
    kind: Kind,
) -> Iterator[Finding]:
    """Run a check; what the API server refuses, and a server that does not answer, is a finding."""
    from kubernetes.client import ApiException
    from urllib3.exceptions import HTTPError

    try:
        yield from check(client, target, kind)
    except ApiException as error:
        log_in = "log in to the cluster again, for GKE: gcloud container clusters get-credentials NAME"
        yield Finding(name, "error", f"the cluster refuses: {error.status} {error.reason}", log_in)
    except (HTTPError, OSError) as error:
        yield Finding(name, "error", f"the cluster does not answer: {error}", _CONNECT)


def _check_version(client: Any, target: KubeflowTarget, kind: Kind) -> Iterator[Finding]:  # noqa: ARG001  one signature
    version = _get(client, "/version")
    yield Finding("cluster", "ok", f"Kubernetes {version['gitVersion']} at {client.configuration.host}")


def _check_objects(client: Any, target: KubeflowTarget, kind: Kind) -> Iterator[Finding]:  # noqa: ARG001  one signature
    missing = []
    for name in OBJECTS[kind]:
        group, version, plural = API[name]
        served = _get(client, f"/apis/{group}/{version}") or {}
        if plural not in {each["name"] for each in served.get("resources", [])}:
            missing.append(f"{plural}.{group}/{version}")
    if missing:
        yield Finding("objects", "error", f"the cluster does not serve {', '.join(missing)}", _INSTALL[kind])
    else:
        yield Finding("objects", "ok", f"the cluster serves {kind}")


def _check_namespace(client: Any, target: KubeflowTarget, kind: Kind) -> Iterator[Finding]:  # noqa: ARG001  one signature
    if _get(client, f"/api/v1/namespaces/{target.namespace}", may_be_hidden=True) is None:
        remedy = f"kubectl create namespace {target.namespace}, or --set namespace=NAME"
        yield Finding("namespace", "error", f"{target.namespace} does not exist", remedy)
    else:
        yield Finding("namespace", "ok", target.namespace)


def _check_rights(client: Any, target: KubeflowTarget, kind: Kind) -> Iterator[Finding]:
    kinds = [API[name] for name in OBJECTS[kind]]
    needed = [(verb, group, plural, "") for group, _, plural in kinds for verb in ("create", "get", "delete")]
    denied = [
        f"{verb} {plural}{'/' + sub if sub else ''}"
        for verb, group, plural, sub in [*needed, ("list", "", "pods", ""), ("get", "", "pods", "log")]
        if not _may(client, target.namespace, verb, group, plural, sub)
    ]
    if denied:
        remedy = f"ask for them; check with: kubectl auth can-i {denied[0]} --namespace {target.namespace}"
        yield Finding("your rights", "error", f"missing in {target.namespace}: {', '.join(denied)}", remedy)
    else:
        yield Finding("your rights", "ok", f"jobs can be created in {target.namespace}, and their logs read")


def _may(client: Any, namespace: str, verb: str, group: str, resource: str, subresource: str) -> bool:
    from kubernetes import client as api

    wanted = api.V1ResourceAttributes(
        namespace=namespace, verb=verb, group=group, resource=resource, subresource=subresource
    )
    review = api.V1SelfSubjectAccessReview(spec=api.V1SelfSubjectAccessReviewSpec(resource_attributes=wanted))
    answer = api.AuthorizationV1Api(client).create_self_subject_access_review(review, _request_timeout=_REQUEST_SECONDS)
    return bool(answer.status.allowed)


def _get(client: Any, path: str, may_be_hidden: bool = False) -> Any:
    """GET a path; None if there is nothing. With `may_be_hidden`, what may not be read counts as there."""
    from kubernetes.client import ApiException

    try:
        return client.call_api(
            path, "GET", response_type="object", auth_settings=["BearerToken"], _request_timeout=_REQUEST_SECONDS
        )[0]
    except ApiException as error:
        if error.status == _NOT_FOUND:
            return None
        if error.status == _FORBIDDEN and may_be_hidden:
            return {}
        raise
