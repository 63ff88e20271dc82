"""Which replica of a job this process is, by what the platform gives: the same program finds its place everywhere."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from firelib.errors import FirelibError

#: Set by our own conversions for Kubernetes: how many replicas there are, and the host name of replica 0.
REPLICAS, HEAD = "FIRELIB_REPLICAS", "FIRELIB_HEAD_HOST"
_INDEX = "JOB_COMPLETION_INDEX"


@dataclass(frozen=True)
class Place:
    """The place of one replica.

    Attributes:
        index: Which one; 0 heads the cluster and drives.
        hosts: Host names of all replicas as far as they are known; that of replica 0 is first.
        count: How many there are.
    """

    index: int
    hosts: tuple[str, ...]
    count: int

    @property
    def is_head(self) -> bool:
        return self.index == 0


def place_of(environ: Mapping[str, str]) -> Place | None:
    """The place that an environment gives, or None: alone, or the driver of a Ray that runs already (`RAY_ADDRESS`).

    Raises:
        FirelibError: The variables contradict each other or cannot be read.
    """
    if environ.get("RAY_ADDRESS"):
        return None
    if environ.get("CLUSTER_SPEC"):
        return _of_vertex(environ["CLUSTER_SPEC"])
    if environ.get(_INDEX) and environ.get(REPLICAS):
        return _of_kubernetes(environ)
    if environ.get("TF_CONFIG"):
        return _of_tensorflow(environ["TF_CONFIG"])
    return None


def _of_vertex(text: str) -> Place | None:
    """Vertex AI: pools `workerpool0` (one replica, the primary), `workerpool1`, …"""
    spec = _read("CLUSTER_SPEC", text)
    return _placed("CLUSTER_SPEC", spec, sorted(spec["cluster"]))


def _of_tensorflow(text: str) -> Place | None:
    """TensorFlow's own variable: one `chief` (or `master`), the `worker`s after it; evaluators are no part of this."""
    spec = _read("TF_CONFIG", text)
    roles = [role for role in ("chief", "master", "worker", "ps") if role in spec["cluster"]]
    return _placed("TF_CONFIG", spec, roles)


def _read(name: str, text: str) -> dict[str, Any]:
    try:
        spec: dict[str, Any] = json.loads(text)
        if {"type", "index"} <= set(spec["task"]) and isinstance(spec["cluster"], dict):
            return spec
    except (ValueError, KeyError, TypeError):
        pass
    raise FirelibError(
        f"{name} cannot be read: {text[:200]!r}",
        where="the environment of this replica",
        remedy='it is like {"cluster": {"workerpool0": ["host:2222"]}, "task": {"type": "workerpool0", "index": 0}}',
    )


def _placed(name: str, spec: Mapping[str, Any], pools: Sequence[str]) -> Place | None:
    task, cluster = spec["task"], spec["cluster"]
    members = [(pool, index) for pool in pools for index in range(len(cluster[pool]))]
    own = (str(task["type"]), int(task["index"]))
    if own not in members:
        raise FirelibError(
            f"{name} puts this replica at {own[0]} {own[1]}, which its cluster lacks",
            where="the environment of this replica",
            remedy=f"known: {', '.join(f'{pool} {index}' for pool, index in members)}",
        )
    hosts = tuple(str(address).rpartition(":")[0] or str(address) for pool in pools for address in cluster[pool])
    return Place(members.index(own), hosts, len(members)) if len(members) > 1 else None


def _of_kubernetes(environ: Mapping[str, str]) -> Place | None:
    """An indexed job of Kubernetes, whose pods our conversion tells how many they are and where the first one is."""
    given = {name: environ.get(name, "") for name in (_INDEX, REPLICAS)}
    wrong = [f"{name}={value!r} is no number" for name, value in given.items() if not value.isdigit()]
    if not wrong and int(given[_INDEX]) >= int(given[REPLICAS]):
        wrong = [f"{_INDEX}={given[_INDEX]} is not below {REPLICAS}={given[REPLICAS]}"]
    if not environ.get(HEAD):
        wrong.append(f"{HEAD} is missing: the host name of replica 0")
    if wrong:
        raise FirelibError("\n".join(wrong), where="the environment of this replica", remedy="see docs/submit.md")
    count = int(given[REPLICAS])
    return Place(int(given[_INDEX]), (environ[HEAD],), count) if count > 1 else None
