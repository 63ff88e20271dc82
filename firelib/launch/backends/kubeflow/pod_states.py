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


def explain_failure(pods: Iterable[Mapping[str, Any]]) -> str:
    """Return why pods were ended by the cluster, such as a lack of memory or a preempted node; empty if they were not.

    Args:
        pods: The pods of a job, as the API server describes them.
    """
    return "; ".join(dict.fromkeys(reason for pod in pods for reason in _ends(pod)))


def has_started(pods: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a pod has got a node and started its containers, now or earlier."""
    return any(pod.get("status", {}).get("phase") not in (None, "Pending") for pod in pods)


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


def _ends(pod: Mapping[str, Any]) -> Iterator[str]:
    status = pod.get("status", {})
    if status.get("reason"):  # Evicted, DeadlineExceeded, NodeLost, …
        yield f"{status['reason']}: {status.get('message', '')}".rstrip(": ")
    for each in status.get("containerStatuses", []):
        if each.get("state", {}).get("terminated", {}).get("reason") == "OOMKilled":
            yield f"{each['name']}: out of memory: raise --memory-gib"
