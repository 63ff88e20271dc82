"""Resource Manager: projects and their policies."""

from tests.cluster.fake_gcp import policies
from tests.cluster.fake_gcp.requests import Json, RefusedError, Request
from tests.cluster.fake_gcp.state import FakeCloud

PROJECT, NUMBER = "/cloudresourcemanager/v1/projects/demo-lab", "42"


def handle(cloud: FakeCloud, request: Request) -> Json:
    if request.path.rpartition(":")[0] == PROJECT:
        return policies.handle(cloud, request)
    if request.path != PROJECT:
        raise RefusedError(403, "PERMISSION_DENIED", "The caller does not have permission")  # Google does not say 404
    return {"projectId": "demo-lab", "projectNumber": NUMBER, "lifecycleState": "ACTIVE"}


def who(cloud: FakeCloud, request: Request) -> Json:
    """The account behind a token."""
    return {"sub": "1", "email": "me@example.com"}
