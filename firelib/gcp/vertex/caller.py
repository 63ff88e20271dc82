"""Who prepares a project: the account behind an access token, and the permissions that it lacks."""

from collections.abc import Mapping
from typing import Any

from firelib.errors import FirelibError
from firelib.gcp.resources.api import Api

SET_UP = (
    "serviceusage.services.enable",
    "resourcemanager.projects.setIamPolicy",
    "iam.serviceAccounts.create",
    "storage.buckets.create",
    "artifactregistry.repositories.create",
    "aiplatform.customJobs.create",
)
SUBMIT = ("aiplatform.customJobs.create", "aiplatform.customJobs.get", "logging.logEntries.list")


def read_member(api: Api, plan: Mapping[str, Any]) -> str:
    """Return the caller as a member of IAM policies, such as `user:me@example.com`.

    Args:
        api: Google Cloud's APIs.
        plan: What `plan_project` returns.

    Raises:
        FirelibError: The token does not tell whose it is.
    """
    url = f"{plan['api'].format(service='openidconnect')}/v1/userinfo"
    email = (api.get(url) or {}).get("email")
    if not email:
        raise FirelibError(
            "the access token does not tell whose it is",
            where=url,
            remedy="name yourself: make vertex CALLER=user:me@example.com",
        )
    return f"{'serviceAccount' if str(email).endswith('.gserviceaccount.com') else 'user'}:{email}"


def find_missing_permissions(api: Api, url: str, wanted: tuple[str, ...]) -> list[str]:
    """Return the permissions that the caller lacks on a resource.

    Args:
        api: Google Cloud's APIs.
        url: URL of the resource.
        wanted: The permissions.

    Raises:
        RequestError: The request failed.
    """
    answer = api.send("POST", f"{url}:testIamPermissions", {"permissions": list(wanted)})
    return [name for name in wanted if name not in answer.get("permissions", [])]
