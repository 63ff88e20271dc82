"""Detection of the replica that this process is, from the variables of the platform."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from firelib.errors import FirelibError
from firelib.launch.job_environment import MIN_REPLICAS
from firelib.launch.runtime.platforms import OWN_MACHINES, Platform, detect_platform

#: Set by firelib's requests to Kubernetes: number of replicas, and host name of replica 0.
REPLICAS, HEAD = "FIRELIB_REPLICAS", "FIRELIB_HEAD_HOST"
_INDEX = "JOB_COMPLETION_INDEX"
_WHERE = "the environment of this replica"


@dataclass(frozen=True)
class ReplicaIdentity:
    """One of several replicas of a job.

    Attributes:
        index: Index of the replica; replica 0 starts the cluster and runs the driver.
        hosts: Known host names of the replicas; the first one is replica 0.
        count: Number of replicas.
        minimum: Smallest number of replicas to start with; None means all.
        platform: Rules of the platform that runs the replicas.
    """

    index: int
    hosts: tuple[str, ...]
    count: int
    minimum: int | None = None
    platform: Platform = OWN_MACHINES

    @property
    def is_head(self) -> bool:
        """Whether this is replica 0."""
        return self.index == 0

    @property
    def required(self) -> int:
        """How many replicas must be there before the stage starts."""
        return self.count if self.minimum is None else self.minimum


def detect_replica(environ: Mapping[str, str]) -> ReplicaIdentity | None:
    """Detect which replica this process is.

    Args:
        environ: The variables of this process.

    Returns:
        The replica; None for a single replica, and for the driver of a running Ray cluster (`RAY_ADDRESS`).

    Raises:
        FirelibError: The variables cannot be parsed, or contradict each other.
    """
    found = _find_replica(environ)
    minimum = int(environ[MIN_REPLICAS]) if environ.get(MIN_REPLICAS) else None
    return found and replace(found, minimum=minimum, platform=detect_platform(environ))


def _find_replica(environ: Mapping[str, str]) -> ReplicaIdentity | None:
    if environ.get("RAY_ADDRESS"):
        return None
    if environ.get("CLUSTER_SPEC"):
        return _parse_vertex(environ["CLUSTER_SPEC"])
    if environ.get(_INDEX) and environ.get(REPLICAS):
        return _parse_kubernetes(environ)
    if environ.get("TF_CONFIG"):
        return _parse_tensorflow(environ["TF_CONFIG"])
    return None


def _parse_vertex(text: str) -> ReplicaIdentity | None:
    """Parse `CLUSTER_SPEC` of Vertex AI: pools `workerpool0` (the primary replica), `workerpool1` and further ones.

    Format: https://cloud.google.com/vertex-ai/docs/training/distributed-training
    """
    spec = _parse("CLUSTER_SPEC", text)
    return _locate("CLUSTER_SPEC", spec, sorted(spec["cluster"]))


def _parse_tensorflow(text: str) -> ReplicaIdentity | None:
    """Parse `TF_CONFIG` of TensorFlow: one `chief` (or `master`), then the `worker`s; evaluators do not count."""
    spec = _parse("TF_CONFIG", text)
    roles = [role for role in ("chief", "master", "worker", "ps") if role in spec["cluster"]]
    return _locate("TF_CONFIG", spec, roles)


def _parse(name: str, text: str) -> dict[str, Any]:
    try:
        spec: dict[str, Any] = json.loads(text)
        if {"type", "index"} <= set(spec["task"]) and isinstance(spec["cluster"], dict):
            return spec
    except (ValueError, KeyError, TypeError):
        pass
    example = '{"cluster": {"workerpool0": ["host:2222"]}, "task": {"type": "workerpool0", "index": 0}}'
    raise FirelibError(
        f"{name}: expected JSON with `cluster` and `task`, got {text[:200]!r}",
        where=_WHERE,
        remedy=f"set {name} as the platform does, such as {example}",
    )


def _locate(name: str, spec: Mapping[str, Any], pools: Sequence[str]) -> ReplicaIdentity | None:
    """Find this process among the members of all pools."""
    task, cluster = spec["task"], spec["cluster"]
    members = [(pool, index) for pool in pools for index in range(len(cluster[pool]))]
    own = (str(task["type"]), int(task["index"]))
    if own not in members:
        known = ", ".join(f"{pool} {index}" for pool, index in members)
        raise FirelibError(
            f"{name}: the task is {own[0]} {own[1]}, which is not in the cluster",
            where=_WHERE,
            remedy=f"set the task to one of {known}",
        )
    hosts = tuple(str(address).rpartition(":")[0] or str(address) for pool in pools for address in cluster[pool])
    return ReplicaIdentity(members.index(own), hosts, len(members)) if len(members) > 1 else None


def _parse_kubernetes(environ: Mapping[str, str]) -> ReplicaIdentity | None:
    """Parse the variables of an indexed Kubernetes job and those that firelib's request adds to it."""
    given = {name: environ.get(name, "") for name in (_INDEX, REPLICAS)}
    problems = [f"{name}: expected a number, got {value!r}" for name, value in given.items() if not value.isdigit()]
    if not problems and int(given[_INDEX]) >= int(given[REPLICAS]):
        problems = [f"{_INDEX}: expected less than {REPLICAS}={given[REPLICAS]}, got {given[_INDEX]}"]
    if not environ.get(HEAD):
        problems.append(f"{HEAD} is missing: the host name of replica 0")
    if problems:
        raise FirelibError("\n".join(problems), where=_WHERE, remedy="submit the job with firelib submit --to kubeflow")
    count = int(given[REPLICAS])
    return ReplicaIdentity(int(given[_INDEX]), (environ[HEAD],), count) if count > 1 else None
