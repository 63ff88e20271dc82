"""Nodes and jobs of a cluster, from the HTTP API of the dashboard on its head."""

import http.client
import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firelib.errors import FirelibError
from firelib.ray_setup.token import ray_token

_SECONDS = 15.0
_ACTIVE = ("PENDING", "RUNNING")


class HeadUnavailableError(FirelibError):
    """No Ray answers on the head, or it does not answer yet."""


@dataclass(frozen=True)
class Node:
    """A node of a running Ray.

    Attributes:
        address: Its private address.
        is_alive: Whether Ray considers it alive.
        resources: Resource → amount, such as `{"CPU": 8.0, "GPU": 1.0}`.
        node_id: Ray's id of it; a host whose Ray was started anew has a new one.
    """

    address: str
    is_alive: bool
    resources: Mapping[str, float] = field(default_factory=dict)
    node_id: str = ""

    @property
    def gpus(self) -> int:
        """Number of GPUs that Ray hands out."""
        return int(self.resources.get("GPU", 0))


@dataclass(frozen=True)
class Job:
    """A job of a running Ray.

    Attributes:
        job_id: Its submission id; of drivers that were started otherwise, Ray's own number.
        status: Ray's name of its state, such as `RUNNING`.
        started: Seconds since the epoch; None before its start.
        ended: Seconds since the epoch; None before its end.
    """

    job_id: str
    status: str
    started: float | None = None
    ended: float | None = None

    @property
    def is_active(self) -> bool:
        """Whether it waits or runs."""
        return self.status in _ACTIVE


def read_nodes(url: str) -> list[Node]:
    """The nodes that Ray knows, dead ones included.

    Args:
        url: URL of the dashboard.

    Raises:
        HeadUnavailableError: No Ray answers there.
        FirelibError: The head refuses the token.
    """
    listed = _get(url, "/api/v0/nodes?limit=10000&detail=1")["data"]["result"]["result"]
    return [_parse_node(raw) for raw in listed]


def read_jobs(url: str) -> list[Job]:
    """All jobs since Ray's start, in the order of their start.

    Args:
        url: URL of the dashboard.

    Raises:
        HeadUnavailableError: No Ray answers there.
        FirelibError: The head refuses the token.
    """
    return sorted((_parse_job(raw) for raw in _get(url, "/api/jobs/")), key=lambda job: job.started or 0.0)


def _parse_node(raw: Mapping[str, Any]) -> Node:
    is_alive, resources = raw["state"] == "ALIVE", raw.get("resources_total") or {}
    return Node(str(raw["node_ip"]), is_alive, resources, str(raw["node_id"]))


def _parse_job(raw: Mapping[str, Any]) -> Job:
    job_id = raw.get("submission_id") or raw.get("job_id")
    return Job(str(job_id), str(raw["status"]), _seconds(raw.get("start_time")), _seconds(raw.get("end_time")))


def _seconds(milliseconds: float | None) -> float | None:
    return milliseconds / 1000 if milliseconds else None


def _get(url: str, path: str) -> Any:
    token = ray_token(os.environ, Path.home())
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(f"{url}{path}", headers=headers)  # noqa: S310  the caller's own tunnel
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy cannot reach loopback
    try:
        with opener.open(request, timeout=_SECONDS) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise _refused(url, error.code) from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise HeadUnavailableError(
            f"no Ray answers on the head: {error}", where=url, remedy="start it: make cluster-up"
        ) from None


def _refused(url: str, code: int) -> FirelibError:
    if code in (401, 403):
        remedy = "copy the token of the cluster's head to ~/.ray/auth_token, or run make cluster-setup"
        return FirelibError(f"the head refuses the token (HTTP {code})", where=url, remedy=remedy)
    return HeadUnavailableError(f"the dashboard answers HTTP {code}", where=url, remedy="wait, then run it again")
