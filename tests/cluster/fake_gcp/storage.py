"""Cloud Storage: buckets, their objects with versions, and their policies."""

from urllib.parse import unquote

from tests.cluster.fake_gcp import policies
from tests.cluster.fake_gcp.requests import Json, RefusedError, Request, not_found
from tests.cluster.fake_gcp.state import FakeCloud


def handle(cloud: FakeCloud, request: Request) -> Json:
    if policies.is_policy(request):
        return _policy(cloud, request)
    if request.path.endswith("/o"):
        return _list_objects(cloud, request)
    if "/o/" in request.path:
        return _delete_object(cloud, request)
    if request.method == "POST":
        return _insert(cloud, request)
    return _delete(cloud, request) if request.method == "DELETE" else _bucket(cloud, request.path)


def _bucket(cloud: FakeCloud, path: str) -> Json:
    if path not in cloud.resources:
        raise not_found(path)
    return cloud.resources[path]


def _insert(cloud: FakeCloud, request: Request) -> Json:
    cloud.record(request)
    path = f"{request.path}/{request.body['name']}"
    if path in cloud.resources:
        raise RefusedError(409, "conflict", "Your previous request to create the named bucket succeeded.")
    cloud.create(path, request.body)
    owners = {"role": "roles/storage.legacyBucketOwner", "members": [f"projectOwner:{request.query['project']}"]}
    cloud.policies[path] = {"version": 1, "etag": "CAE=1", "bindings": [owners]}
    return request.body


def _policy(cloud: FakeCloud, request: Request) -> Json:
    path = request.path.removesuffix("/iam")
    _bucket(cloud, path)
    if request.method == "GET":
        return policies.read(cloud, path, request.query.get("optionsRequestedPolicyVersion", "1"))
    cloud.record(request)
    return policies.write(cloud, path, request.body, conflict=412)


def _list_objects(cloud: FakeCloud, request: Request) -> Json:
    objects = cloud.objects.get(request.path.removesuffix("/o"), [])
    if request.query.get("versions") != "true":
        objects = [item for item in objects if not item.get("noncurrent")]
    start = request.query.get("pageToken", "")  # the name after which the next page begins, as in the real API
    following = sorted((item for item in objects if _position(item) > start), key=_position)
    page = following[: cloud.page_size]
    more = {"nextPageToken": _position(page[-1])} if len(following) > len(page) else {}
    return ({"items": page} if page else {}) | more


def _position(item: Json) -> str:
    return f"{item['name']}#{item['generation']}"


def _delete_object(cloud: FakeCloud, request: Request) -> Json:
    cloud.record(request)
    bucket, _, name = request.path.partition("/o/")
    objects = cloud.objects[bucket]
    wanted = (unquote(name), request.query["generation"])
    found = [item for item in objects if (item["name"], item["generation"]) == wanted]
    if not found:
        raise not_found(request.path)
    objects.remove(found[0])
    return {}


def _delete(cloud: FakeCloud, request: Request) -> Json:
    cloud.record(request)
    _bucket(cloud, request.path)
    if cloud.objects.get(request.path):
        raise RefusedError(409, "conflict", "The bucket you tried to delete is not empty.")
    del cloud.resources[request.path]
    cloud.policies.pop(request.path, None)
    return {}
