"""Secret Manager: secrets, their versions and policies."""

import base64

from tests.cluster.fake_gcp import policies
from tests.cluster.fake_gcp.requests import Json, RefusedError, Request, not_found
from tests.cluster.fake_gcp.state import FakeCloud


def handle(cloud: FakeCloud, request: Request) -> Json:
    if request.method == "POST" and request.path.endswith("/secrets"):
        return _create(cloud, request)
    path = request.path.partition("/versions/")[0]
    path = path if "/versions/" in request.path else path.partition(":")[0]
    if path not in cloud.resources:
        raise not_found(path)
    if policies.is_policy(request):
        return policies.handle(cloud, request)
    if request.path.endswith(":access"):
        return _access(cloud, path)
    if request.path.endswith(":addVersion"):
        cloud.record(request)
        cloud.secrets.setdefault(path, []).append(base64.b64decode(request.body["payload"]["data"]).decode())
        return {"name": f"{path}/versions/{len(cloud.secrets[path])}"}
    return _delete(cloud, request) if request.method == "DELETE" else cloud.resources[path]


def _create(cloud: FakeCloud, request: Request) -> Json:
    cloud.record(request)
    path = f"{request.path}/{request.query['secretId']}"
    if path in cloud.resources:
        raise RefusedError(409, "ALREADY_EXISTS", "the secret already exists")
    cloud.create(path, request.body)
    return request.body


def _access(cloud: FakeCloud, path: str) -> Json:
    if not cloud.secrets.get(path):
        raise RefusedError(404, "NOT_FOUND", f"Secret Version [{path}/versions/latest] not found.")
    return {"payload": {"data": base64.b64encode(cloud.secrets[path][-1].encode()).decode()}}


def _delete(cloud: FakeCloud, request: Request) -> Json:
    cloud.record(request)
    del cloud.resources[request.path]
    cloud.policies.pop(request.path, None)
    cloud.secrets.pop(request.path, None)
    return {}
