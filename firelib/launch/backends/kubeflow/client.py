"""Client of a Kubernetes API server, with errors that name a remedy."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from firelib.errors import FirelibError
from firelib.launch.backend import LostConnectionError
from firelib.launch.backends.kubeflow.api_errors import explain_refusal
from firelib.launch.backends.kubeflow.resources import API, PodContainer

_REVIEWS = "authorization.k8s.io/v1"
_BUSY = frozenset({429, 500, 502, 503, 504})
_TIMEOUT = (10.0, 60.0)  # seconds to connect, and between two pieces of an answer

Object = Mapping[str, Any]


def current_context() -> str | None:
    """Return the name of kubectl's current context; None without one, which the first request explains."""
    from kubernetes import config

    try:
        return str(config.list_kube_config_contexts()[1]["name"])
    except config.ConfigException:
        return None


class ClusterClient:
    """Objects and pods of one namespace.

    Every method raises `LostConnectionError` if the API server does not answer, and `FirelibError` if it refuses.

    Args:
        namespace: Namespace of the job.
        context: Context of kubectl's configuration; None for the current one.
    """

    def __init__(self, namespace: str, context: str | None = None) -> None:
        self._namespace = namespace
        self._context = context
        self._api: Any = None

    def create(self, resource: Object) -> Object:
        """Create a custom resource. Unknown fields are refused; by default, a server drops them in silence.

        Args:
            resource: The resource.

        Returns:
            The resource as the server stores it.
        """
        return self._ask("POST", self._path(resource["kind"]), {"fieldValidation": "Strict"}, resource) or {}

    def find(self, kind: str, name: str) -> Object | None:
        """Return a custom resource, or None if it does not exist.

        Args:
            kind: Kind of the resource.
            name: Name of the resource.
        """
        return self.get(self._path(kind, name))

    def set_owner(self, kind: str, name: str, owner: Object) -> None:
        """Make the server delete a resource as soon as its owner is deleted, by whomever.

        Args:
            kind: Kind of the resource.
            name: Name of the resource.
            owner: The owner, as the server stores it.
        """
        reference = {"apiVersion": owner["apiVersion"], "kind": owner["kind"]}
        reference |= {key: owner["metadata"][key] for key in ("name", "uid")}
        self._ask("PATCH", self._path(kind, name), {}, {"metadata": {"ownerReferences": [reference]}})

    def delete(self, kind: str, name: str) -> None:
        """Delete a custom resource; no error if it does not exist.

        Args:
            kind: Kind of the resource.
            name: Name of the resource.
        """
        self._ask("DELETE", self._path(kind, name))

    def list_pods(self, selector: str) -> list[Object]:
        """Return the pods that a label selector matches, oldest first."""
        found = self.get(f"/api/v1/namespaces/{self._namespace}/pods", {"labelSelector": selector}) or {}
        return sorted(found.get("items", []), key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")))

    def pod_logs(self, source: PodContainer) -> Iterator[tuple[str, str]]:
        """Yield the pod's name and the log of a container from each pod that has started, oldest first.

        Args:
            source: The pods, and the container. It must be named: a pod can hold more than ours.
        """
        for pod in self.list_pods(source.selector):
            if pod.get("status", {}).get("phase") != "Pending":
                name = pod["metadata"]["name"]
                yield name, self._read_log(name, source.container)

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Object | None:
        """Return the answer to a GET, or None if there is nothing at this path.

        Args:
            path: Path of the API.
            query: Parameters of the request.
        """
        return self._ask("GET", path, query)

    def may(self, verb: str, group: str, resource: str) -> bool:
        """Whether the caller has a right in the namespace.

        Args:
            verb: Such as `create`.
            group: API group; empty for the core group.
            resource: Plural, such as `pods`, or `pods/log`.
        """
        plural, _, sub = resource.partition("/")
        asked = {"namespace": self._namespace, "verb": verb, "group": group, "resource": plural, "subresource": sub}
        review = {"apiVersion": _REVIEWS, "kind": "SelfSubjectAccessReview", "spec": {"resourceAttributes": asked}}
        answer = self._ask("POST", f"/apis/{_REVIEWS}/selfsubjectaccessreviews", {}, review) or {}
        return bool(answer.get("status", {}).get("allowed"))

    def _read_log(self, pod: str, container: str) -> str:
        """Return the log of a container so far; empty while it has not started, and after its pod is gone."""
        path = f"/api/v1/namespaces/{self._namespace}/pods/{pod}/log"
        with self._translate_errors():
            try:
                return self._send("GET", path, {"container": container}).decode(errors="replace")
            except _api_exception() as error:
                if error.status in (400, 404):
                    return ""
                raise

    def _path(self, kind: str, name: str = "") -> str:
        group, version, plural = API[kind]
        return f"/apis/{group}/{version}/namespaces/{self._namespace}/{plural}{'/' + name if name else ''}"

    def _ask(self, method: str, path: str, query: Mapping[str, str] | None = None, body: Any = None) -> Object | None:
        """Return the object that answers a request; None for one that does not exist and is not to be created."""
        with self._translate_errors():
            try:
                found: Object = json.loads(self._send(method, path, query, body))
            except _api_exception() as error:
                if error.status == 404 and method in ("GET", "DELETE"):
                    return None
                raise
        return found

    def _send(self, method: str, path: str, query: Mapping[str, str] | None = None, body: Any = None) -> bytes:
        """Send one request. The client's typed classes would drop unknown fields, and parse a log that is JSON."""
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        answer: bytes = (
            self._connection()
            .call_api(
                path,
                method,
                query_params=[*(query or {}).items()],
                header_params={"Accept": "application/json, */*", "Content-Type": kind},
                body=body,
                auth_settings=["BearerToken"],
                _preload_content=False,
                _return_http_data_only=True,
                _request_timeout=_TIMEOUT,
            )
            .data
        )
        return answer

    def _connection(self) -> Any:
        from kubernetes import config

        if self._api is None:
            try:
                self._api = self._connect()
            except config.ConfigException as error:
                raise FirelibError(
                    str(error), where="kubectl's configuration", remedy="list contexts: kubectl config get-contexts"
                ) from None
        return self._api

    def _connect(self) -> Any:
        """Connect as kubectl does: by its configuration, and without one, inside a pod, by the pod's own account."""
        from kubernetes import client, config

        try:
            return config.new_client_from_config(context=self._context)
        except config.ConfigException:
            if self._context or "KUBERNETES_SERVICE_HOST" not in os.environ:
                raise
        settings = client.Configuration()
        config.load_incluster_config(client_configuration=settings)
        return client.ApiClient(settings)

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        from urllib3.exceptions import HTTPError

        where = f"namespace {self._namespace}"
        try:
            yield
        except HTTPError as error:
            message = f"the cluster does not answer: {error}"
            raise LostConnectionError(message, where=where, remedy="test the connection: kubectl get pods") from None
        except _api_exception() as error:
            if error.status in _BUSY:
                message = f"the cluster is busy: {error.status} {error.reason}"
                raise LostConnectionError(message, where=where, remedy="try again in a minute") from None
            body = error.body.decode(errors="replace") if isinstance(error.body, bytes) else str(error.reason)
            raise explain_refusal(error.status, body, self._namespace) from None


def _api_exception() -> Any:
    from kubernetes.client import ApiException

    return ApiException
