"""Service Usage: which services are enabled; what is not refuses every request, and for a while after it has been."""

from functools import partial

from tests.cluster.fake_gcp.requests import Json, RefusedError, Request
from tests.cluster.fake_gcp.state import FakeCloud


def handle(cloud: FakeCloud, request: Request) -> Json:
    if "/operations/" in request.path:
        return cloud.poll(request.path)
    if request.method == "GET":
        return {"services": [_describe(cloud, name) for name in request.lists["names"]]}
    cloud.record(request)
    wanted = {name.removesuffix(".googleapis.com") for name in request.body["serviceIds"]}
    body = cloud.operate("/serviceusage/v1", {}, {"done": True}, partial(_enable, cloud, wanted))
    body.pop("selfLink")
    return body


def _describe(cloud: FakeCloud, name: str) -> Json:
    service = name.rpartition("/")[2].removesuffix(".googleapis.com")
    return {"name": name.replace("demo-lab", "42"), "state": "DISABLED" if service in cloud.disabled else "ENABLED"}


def _enable(cloud: FakeCloud, services: set[str]) -> None:
    for service in services & cloud.disabled:
        cloud.disabled.remove(service)
        cloud.starting[service] = cloud.enabling_requests


def require(cloud: FakeCloud, service: str) -> None:
    """Refuse a request to a service that is not enabled, or has been a moment ago."""
    if cloud.starting.get(service, 0) > 0:
        cloud.starting[service] -= 1
    elif service not in cloud.disabled:
        return
    message = f"{service} API has not been used in project 42 before or it is disabled."
    raise RefusedError(403, "PERMISSION_DENIED", message)
