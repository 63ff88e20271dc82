"""Client of a Kubernetes API server, with errors that name a remedy."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from firelib.errors import FirelibError
from firelib.launch.backend import LostConnectionError
from firelib.launch.backends.kubeflow.resources import API

_REMEDIES = {
    401: "log in to the cluster again",
    403: "check permissions: kubectl auth can-i create trainjobs",
    404: "install Kubeflow Trainer (or KubeRay) in the cluster",
}


class ClusterClient:
    """Objects and pods of one namespace.

    Args:
        namespace: Namespace of the job.
        context: Context of kubectl's configuration; None for the current one.
    """

    def __init__(self, namespace: str, context: str | None = None) -> None:
        self._namespace = namespace
        self._context = context

    def create(self, resource: Mapping[str, Any]) -> None:
        """Create a custom resource.

        Raises:
            LostConnectionError: The API server does not answer.
            FirelibError: The API server refuses.
        """
        group, version, plural = API[resource["kind"]]
        with self._translate_errors():
            self._objects().create_namespaced_custom_object(group, version, self._namespace, plural, resource)

    def find(self, kind: str, name: str) -> Mapping[str, Any] | None:
        """Return a custom resource, or None if it does not exist.

        Args:
            kind: Kind of the resource.
            name: Name of the resource.
        """
        group, version, plural = API[kind]
        with self._translate_errors():
            try:
                resource = self._objects().get_namespaced_custom_object(group, version, self._namespace, plural, name)
            except _api_exception() as error:
                if error.status == 404:
                    return None
                raise
        return {"kind": kind, **resource}

    def delete(self, kind: str, name: str) -> None:
        """Delete a custom resource; no error if it does not exist.

        Args:
            kind: Kind of the resource.
            name: Name of the resource.
        """
        group, version, plural = API[kind]
        with self._translate_errors():
            try:
                self._objects().delete_namespaced_custom_object(group, version, self._namespace, plural, name)
            except _api_exception() as error:
                if error.status != 404:
                    raise

    def pod_logs(self, selector: str) -> Iterator[str]:
        """Yield the log of each started pod that a label selector matches, oldest first."""
        from kubernetes import client

        with self._translate_errors():
            core = client.CoreV1Api(self._connection())
            pods = core.list_namespaced_pod(self._namespace, label_selector=selector).items
            started = [pod for pod in pods if pod.status.phase != "Pending"]
            for pod in sorted(started, key=lambda pod: str(pod.metadata.creation_timestamp)):
                yield core.read_namespaced_pod_log(pod.metadata.name, self._namespace)

    def _objects(self) -> Any:
        from kubernetes import client

        return client.CustomObjectsApi(self._connection())

    def _connection(self) -> Any:
        from kubernetes import config

        try:
            return config.new_client_from_config(context=self._context)
        except config.ConfigException as error:
            raise FirelibError(
                str(error), where="kubectl's configuration", remedy="list contexts: kubectl config get-contexts"
            ) from None

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
            raise FirelibError(
                f"the cluster refuses: {error.status} {error.reason}",
                where=where,
                remedy=_REMEDIES.get(error.status, "inspect the objects: firelib submit --dry-run"),
            ) from None


def _api_exception() -> Any:
    from kubernetes.client import ApiException

    return ApiException
