"""Requests are repeated while that can help, and no longer."""

import time
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from firelib.gcp.resources.api import Api, Pace, _TransientErrors, with_query
from firelib.gcp.resources.request_error import RequestError
from tests.cluster.fake_gcp import TOKEN, FakeCloud
from tests.cluster.fake_gcp.requests import RefusedError, Request
from tests.cluster.gcp_cluster import Cluster
from tests.errors import refused

REGION = "/compute/compute/v1/projects/demo/regions/europe-west4"


def refuse_with(cloud: FakeCloud, faults: Iterable[RefusedError | str | None]) -> list[str]:
    """Let requests meet these faults in turn; returns the requests that come."""
    came: list[str] = []
    turns: Iterator[RefusedError | str | None] = iter(faults)

    def fault(request: Request) -> RefusedError | str | None:
        came.append(request.key)
        return next(turns, None)

    cloud.faults = fault
    return came


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_transient_status_is_repeated(cloud: FakeCloud, cluster: Cluster, status: int) -> None:
    came = refuse_with(cloud, [RefusedError(status, "backendError", "later")] * 3)
    cluster.api.send("GET", cloud.api + REGION)
    assert len(came) == 4


@pytest.mark.parametrize("reason", ["rateLimitExceeded", "userRateLimitExceeded"])
def test_rate_limit_with_status_403_is_repeated(cloud: FakeCloud, cluster: Cluster, reason: str) -> None:
    came = refuse_with(cloud, [RefusedError(403, reason, "Rate Limit Exceeded")])
    cluster.api.send("GET", cloud.api + REGION)
    assert len(came) == 2


def test_retry_after_is_waited_for(cloud: FakeCloud, cluster: Cluster) -> None:
    refuse_with(cloud, [RefusedError(429, "rateLimitExceeded", "later", {"Retry-After": "1"})])
    begun = time.monotonic()
    cluster.api.send("GET", cloud.api + REGION)
    assert time.monotonic() - begun >= 1


def test_an_hour_is_not_waited_for() -> None:
    error = RequestError("GET http://x", 429, "rateLimitExceeded", "later", retry_after=3600.0)
    assert _TransientErrors()(error) == 60


def test_a_refusal_that_is_cut_short_still_has_its_status() -> None:
    class Cut(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(403)
            self.send_header("Content-Length", "500")
            self.end_headers()
            self.wfile.write(b'{"error": ')
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Cut) as server:
        Thread(target=server.handle_request, daemon=True).start()
        with refused(what="403", kind=RequestError):
            Api(TOKEN, Pace(poll_seconds=0)).send("GET", f"http://127.0.0.1:{server.server_port}")


def test_permanent_error_is_reported_at_once_with_its_fields(cloud: FakeCloud, cluster: Cluster) -> None:
    came = refuse_with(cloud, [RefusedError(403, "forbidden", "Required 'compute.regions.get' permission")])
    named = [("403", "forbidden", "compute.regions.get")]
    with refused(what=named, where=REGION.split("/")[-1], remedy="roles/editor", kind=RequestError) as caught:
        cluster.api.send("GET", cloud.api + REGION)
    assert (caught.value.status, caught.value.reason) == (403, "forbidden")  # type: ignore[attr-defined]  # RequestError's
    assert len(came) == 1


def test_transient_error_is_reported_after_the_deadline(cloud: FakeCloud) -> None:
    api = Api(TOKEN, Pace(poll_seconds=0, deadline_seconds=0.2))
    cloud.faults = lambda _: RefusedError(503, "backendError", "down for maintenance")
    with refused(what=[("503", "maintenance")]):
        api.send("GET", cloud.api + REGION)


def test_no_response_is_reported_after_five_attempts(cloud: FakeCloud, cluster: Cluster) -> None:
    came = refuse_with(cloud, ["lost"] * 9)
    with refused(remedy="network", kind=RequestError):
        cluster.api.send("GET", cloud.api + REGION)
    assert len(came) == 5


def test_repeated_creation_is_executed_once(cloud: FakeCloud, cluster: Cluster) -> None:
    came = refuse_with(cloud, ["lost"])
    network = cluster.resource("networks")
    cluster.api.change("POST", network["create"], network["body"])
    assert [key.partition(" ")[0] for key in came[:2]] == ["POST", "POST"]
    assert len(cloud.sent) == 1


def test_two_creations_are_two_requests(cloud: FakeCloud, cluster: Cluster) -> None:
    network = cluster.resource("networks")
    cluster.api.change("POST", network["create"], network["body"])
    with refused(what="409", kind=RequestError):
        cluster.api.change("POST", network["create"], network["body"])


@pytest.mark.parametrize(
    ("kind", "error", "named"),
    [
        ("networks", {"errors": [{"code": "QUOTA_EXCEEDED", "message": "NETWORKS"}]}, ("QUOTA_EXCEEDED", "NETWORKS")),
        ("repositories", {"code": 7, "message": "permission denied"}, ("7", "permission denied")),
    ],
)
def test_failed_operation_is_an_error(
    cloud: FakeCloud, cluster: Cluster, kind: str, error: dict[str, object], named: tuple[str, str]
) -> None:
    resource = cluster.resource(kind)
    cloud.on_operation = lambda operation: operation.done.update(error=error)
    with refused(what=[named], where="POST", kind=RequestError):
        cluster.api.change("POST", resource["create"], resource["body"])


def test_unfinished_operation_is_reported_after_the_deadline(cloud: FakeCloud, cluster: Cluster) -> None:
    cloud.operation_requests = 10**6
    api, network = Api(TOKEN, Pace(poll_seconds=0.01, deadline_seconds=0.2)), cluster.resource("networks")
    with refused(what=[("DEADLINE_EXCEEDED", "0.2")], remedy="again", kind=RequestError):
        api.change("POST", network["create"], network["body"])


def test_all_pages_are_read(cloud: FakeCloud, cluster: Cluster) -> None:
    for number in range(5):
        cloud.resources[f"{REGION}/addresses/a{number}"] = {"name": f"a{number}", "labels": {"x": "y"}}
    pages = list(cluster.api.pages(f"{cluster.plan['compute']}/aggregated/addresses", filter="labels.x=y"))
    names = [item["name"] for page in pages for item in page["items"]["regions/europe-west4"]["addresses"]]
    assert (len(pages), names) == (3, ["a0", "a1", "a2", "a3", "a4"])


def test_parameters_are_appended_and_escaped() -> None:
    assert with_query("http://x/a") == "http://x/a"
    assert with_query("http://x/a?b=c", filter='d="e f"') == "http://x/a?b=c&filter=d%3D%22e+f%22"
