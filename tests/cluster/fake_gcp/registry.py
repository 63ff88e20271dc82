"""Artifact Registry: repositories are created and deleted by long-running operations."""

from functools import partial

from tests.cluster.fake_gcp import policies
from tests.cluster.fake_gcp.requests import Json, RefusedError, Request, not_found
from tests.cluster.fake_gcp.state import FakeCloud


def handle(cloud: FakeCloud, request: Request) -> Json:
    if "/operations/" in request.path:
        return cloud.poll(request.path)
    if policies.is_policy(request):
        return _policy(cloud, request)
    if request.method == "POST":
        return _create(cloud, request)
    if request.path not in cloud.resources:
        raise not_found(request.path)
    return _delete(cloud, request) if request.method == "DELETE" else cloud.resources[request.path]


def _create(cloud: FakeCloud, request: Request) -> Json:
    cloud.record(request)
    path = f"{request.path}/{request.query['repositoryId']}"
    if path in cloud.resources or path in cloud.policies:
        raise RefusedError(409, "ALREADY_EXISTS", "the repository already exists")
    cloud.policies[path] = {"version": 1, "etag": "CAE=1", "bindings": []}  # taken, but not visible yet
    return _operate(cloud, path, partial(cloud.create, path, request.body))


def _delete(cloud: FakeCloud, request: Request) -> Json:
    cloud.record(request)
    return _operate(cloud, request.path, partial(_remove, cloud, request.path))


def _remove(cloud: FakeCloud, path: str) -> None:
    cloud.resources.pop(path, None)
    cloud.policies.pop(path, None)


def _operate(cloud: FakeCloud, path: str, finish: partial[None]) -> Json:
    prefix = path.partition("/repositories")[0]
    body = cloud.operate(prefix, {"done": False}, {"done": True}, finish)
    body.pop("selfLink")
    return body


def _policy(cloud: FakeCloud, request: Request) -> Json:
    if request.path.rpartition(":")[0] not in cloud.resources:
        raise RefusedError(404, "NOT_FOUND", "the repository does not exist")
    return policies.handle(cloud, request)
