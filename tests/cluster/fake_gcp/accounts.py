"""IAM: service accounts, which other services see later; policies then name deleted ones in another way."""

from tests.cluster.fake_gcp import policies
from tests.cluster.fake_gcp.requests import Json, RefusedError, Request, not_found
from tests.cluster.fake_gcp.state import FakeCloud


def handle(cloud: FakeCloud, request: Request) -> Json:
    if policies.is_policy(request):
        if request.path.rpartition(":")[0] not in cloud.resources:
            raise not_found(request.path)
        return policies.handle(cloud, request)
    if request.method == "POST":
        return _create(cloud, request)
    if request.path not in cloud.resources:
        raise not_found(request.path)
    return _delete(cloud, request) if request.method == "DELETE" else cloud.resources[request.path]


def _create(cloud: FakeCloud, request: Request) -> Json:
    cloud.record(request)
    email = f"{request.body['accountId']}@{request.path.split('/')[4]}.iam.gserviceaccount.com"
    if f"{request.path}/{email}" in cloud.resources:
        raise RefusedError(409, "ALREADY_EXISTS", f"Service account {email} already exists.")
    cloud.create(f"{request.path}/{email}", request.body["serviceAccount"] | {"email": email})
    cloud.unseen[email] = cloud.account_delay
    return {"email": email}


def _delete(cloud: FakeCloud, request: Request) -> Json:
    cloud.record(request)
    del cloud.resources[request.path]
    cloud.policies.pop(request.path, None)
    member = f"serviceAccount:{request.path.rpartition('/')[2]}"
    for policy in cloud.policies.values():
        for binding in policy.get("bindings", []):
            binding["members"] = [f"deleted:{m}?uid=42" if m == member else m for m in binding["members"]]
    return {}
