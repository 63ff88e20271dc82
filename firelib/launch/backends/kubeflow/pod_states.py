"""Why the pods of a job wait or failed, from their status. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

# A container waits for one of these in every normal start.
_NORMAL = frozenset({"ContainerCreating", "PodInitializing"})


def explain_waiting(pods: Iterable[Mapping[str, Any]]) -> str:
    """Return why pods do not start: each different reason once; empty if nothing is wrong.

    Args:
        pods: The pods of a job, as the API server describes them.
    """
    return "; ".join(dict.fromkeys(reason for pod in pods for reason in _reasons(pod)))


def find_exit_code(pods: Iterable[Mapping[str, Any]], container: str) -> int | None:
    """Return the exit code of a container in the newest pod in which it has ended, or None.

    Args:
        pods: The pods, oldest first.
        container: Name of the container.
    """
    code = None
    for pod in pods:
        for each in pod.get("status", {}).get("containerStatuses", []):
            ended = each.get("state", {}).get("terminated")
            if each["name"] == container and ended:
                code = int(ended["exitCode"])
    return code


def _reasons(pod: Mapping[str, Any]) -> Iterator[str]:
    status = pod.get("status", {})
    for condition in status.get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            yield f"no node fits: {condition.get('message', condition.get('reason', ''))}"
    for each in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]:
        waiting = each.get("state", {}).get("waiting", {})
        if waiting and waiting.get("reason") not in _NORMAL:
            yield f"{each['name']}: {waiting.get('reason')}: {waiting.get('message', '')}".rstrip(": ")
