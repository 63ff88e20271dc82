"""IAM policies: etags, versions, and accounts that are not visible yet."""

import copy

from tests.cluster.fake_gcp.requests import Json, RefusedError, Request
from tests.cluster.fake_gcp.state import FakeCloud


def read(cloud: FakeCloud, path: str, version: str) -> Json:
    """The policy; without version 3, conditions are left out and their roles renamed, as Google does."""
    policy = copy.deepcopy(cloud.policies.setdefault(path, {"version": 1, "etag": "CAE=0", "bindings": []}))
    if version != "3":
        for binding in policy["bindings"]:
            if binding.pop("condition", None):
                binding["role"] += "_withcond_8f3a"
    if not policy["bindings"]:
        del policy["bindings"]  # Google leaves out empty fields
    return policy


def write(cloud: FakeCloud, path: str, policy: Json, conflict: int) -> Json:
    """Replace the policy, if nobody else has changed it since it was read.

    Args:
        cloud: The stand-in.
        path: What the policy is for.
        policy: The new policy.
        conflict: Status code for another etag.
    """
    if cloud.interference:
        cloud.interference -= 1
        _replace(cloud, path, copy.deepcopy(cloud.policies[path]))
    if policy.get("etag") != cloud.policies[path]["etag"]:
        raise RefusedError(conflict, "conditionNotMet" if conflict == 412 else "ABORTED", "the etag does not match")
    if any("condition" in binding for binding in policy.get("bindings", [])) and policy.get("version") != 3:
        raise RefusedError(400, "invalid", "policies with conditions need version 3")
    for binding in policy.get("bindings", []):
        for member in binding["members"]:
            if member.startswith("serviceAccount:firelib"):
                cloud.require_account(member.removeprefix("serviceAccount:"))
    return _replace(cloud, path, {"bindings": [], **policy})


def _replace(cloud: FakeCloud, path: str, policy: Json) -> Json:
    etag = f"CAE={int(cloud.policies[path]['etag'].removeprefix('CAE=')) + 1}"
    cloud.set_policy(path, policy | {"etag": etag})
    return cloud.policies[path]


def handle(cloud: FakeCloud, request: Request) -> Json:
    """`PATH:getIamPolicy` with GET or POST, `PATH:setIamPolicy`, and `PATH:testIamPermissions`."""
    path, _, verb = request.path.rpartition(":")
    if verb == "testIamPermissions":
        wanted = request.body["permissions"]
        return {"permissions": [name for name in wanted if cloud.permissions is None or name in cloud.permissions]}
    if verb == "getIamPolicy":
        in_body = str(request.body.get("options", {}).get("requestedPolicyVersion", "1"))
        return read(cloud, path, request.query.get("options.requestedPolicyVersion", in_body))
    cloud.record(request)
    return write(cloud, path, request.body["policy"], conflict=409)


def is_policy(request: Request) -> bool:
    """Whether a request is for a policy and not for the resource."""
    return request.path.endswith((":getIamPolicy", ":setIamPolicy", ":testIamPermissions", "/iam"))
