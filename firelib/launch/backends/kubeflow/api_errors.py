"""Errors of a Kubernetes API server in firelib's terms: what the server refuses, and what to do about it. Pure."""

import json
import re
from typing import Any

from firelib.errors import FirelibError

_UNKNOWN_FIELD = re.compile(r'unknown field "([^"]+)"')
_FORBIDDEN = re.compile(r'cannot (\w+) resource "([\w./-]+)" in API group "([\w.]*)"')


def explain_refusal(status: int, body: str, namespace: str) -> FirelibError:
    """Return the error for a refused request.

    Args:
        status: HTTP status.
        body: Body of the answer: a `Status` object of Kubernetes, or plain text of a proxy or of an unknown path.
        namespace: Namespace of the request.
    """
    answer = _parse_status(body)
    message = str(answer.get("message", ""))
    return FirelibError(
        f"the cluster refuses: {status} {message or body.strip()[:200]}".strip(),
        where=f"namespace {namespace}",
        remedy=_find_remedy(status, message, answer, namespace),
    )


def _parse_status(body: str) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) and answer.get("kind") == "Status" else {}


def _find_remedy(status: int, message: str, answer: dict[str, Any], namespace: str) -> str:
    if status == 401 or "system:anonymous" in message:  # credentials that cannot be renewed are not sent at all
        return "the credentials are wrong or have expired: log in to the cluster again, then test: kubectl auth whoami"
    if status == 403:
        return f"ask the cluster's administrator for the right; test: {_can_i(message, namespace)}"
    if status == 404 and answer.get("details", {}).get("kind") == "namespaces":
        return f"create the namespace (kubectl create namespace {namespace}), or choose another: --set namespace=NAME"
    if status == 404:
        return "install Kubeflow Trainer with JobSet (or KubeRay, for --set kind=RayJob) in the cluster"
    if status == 409:
        return "the name is taken: submit again for a new name, or give another job_id"
    if unknown := _UNKNOWN_FIELD.findall(message):
        return _upgrade(unknown)
    return "inspect the objects: firelib submit --dry-run"


def _can_i(message: str, namespace: str) -> str:
    found = _FORBIDDEN.search(message)
    if found is None:
        return f"kubectl auth can-i --list --namespace {namespace}"
    verb, resource, group = found.groups()
    return f"kubectl auth can-i {verb} {resource}{'.' + group if group else ''} --namespace {namespace}"


def _upgrade(unknown: list[str]) -> str:
    """Return the remedy for fields that the operator in the cluster does not know yet."""
    if any(field.endswith("preRunningDeadlineSeconds") for field in unknown):
        return "the cluster has KubeRay 1.5: give --set kuberay=1.5, or install 1.6"
    if any("authOptions" in field for field in unknown):
        return "install KubeRay 1.5.1 or newer: older versions start Ray without a token"
    return "install a newer version of the operator in the cluster"
