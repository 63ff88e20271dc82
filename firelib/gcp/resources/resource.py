"""One resource of a cluster: create it, check its grants, delete it; each can be repeated after an interruption."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from firelib.gcp.resources.api import Api, Json
from firelib.gcp.resources.bucket_content import delete_objects, measure
from firelib.gcp.resources.iam_policy import grant, revoke
from firelib.gcp.resources.ownership import check_ours, is_ours
from firelib.gcp.resources.request_error import RequestError

_EXISTS = _NOT_EMPTY = 409
_GONE = 404


@dataclass(frozen=True)
class Outcome:
    """What happened to a resource.

    Attributes:
        changed: Whether something changed (or would change).
        found: The resource as Google Cloud describes it; for a dry run, as it would be created.
        content: Objects and bytes that were (or would be) deleted with a bucket.
    """

    changed: bool
    found: Json = field(default_factory=dict)
    content: Json | None = None


def create(api: Api, resource: Mapping[str, Any], dry_run: bool) -> Outcome:
    """Create a resource if it does not exist, correct its variable fields, and grant what it should grant.

    Args:
        api: Google Cloud's APIs.
        resource: The planned resource: `kind`, `name`, `url`, `create`, `body`, `mark`, and optionally `grant`,
            `variable`, the names of fields that are corrected if they differ, `extended`, the names of lists that
            get the values which they lack, and `adopted`, if one of the user's is used as it is.
        dry_run: Only read.

    Raises:
        ForeignResourceError: A resource with this name exists, but this cluster did not create it.
        RequestError: A request failed.
    """
    found = find(api, resource["url"]) if dry_run else api.get(resource["url"])
    missing = found is None
    if missing and dry_run:
        return Outcome(True, resource["body"])
    if found is None:
        _insert(api, resource)
        found = api.poll(f"GET {resource['url']}", lambda: api.get(resource["url"]))
    if not resource.get("adopted"):
        check_ours(resource, found)
    corrected = _correct(api, resource, found, dry_run)
    granted = "grant" in resource and grant(api, resource["grant"], dry_run)
    return Outcome(missing or corrected or granted, found)


def find(api: Api, url: str) -> Json | None:
    """Return a resource; None if it does not exist, or if its service is not enabled, which a dry run does not change.

    Args:
        api: Google Cloud's APIs.
        url: URL of the resource.

    Raises:
        RequestError: The request failed for another reason.
    """
    try:
        return api.get(url)
    except RequestError as error:
        if error.is_service_disabled:
            return None
        raise


def _insert(api: Api, resource: Mapping[str, Any]) -> None:
    """Create; that it exists is no error, because a response may be lost: the mark shows whether it is ours."""
    try:
        api.change("POST", resource["create"], resource["body"])
    except RequestError as error:
        if error.status != _EXISTS:
            raise


def _correct(api: Api, resource: Mapping[str, Any], found: Json, dry_run: bool) -> bool:
    """Change fields that differ, such as the addresses in a firewall rule; return whether any does."""
    changes = _find_changes(resource, found)
    if changes and not dry_run:
        api.change("PATCH", resource["url"], changes)
    for name in set(changes) & set(resource.get("extended", ())):
        kept = [value for value in changes[name] if value not in resource["body"][name]]
        api.notes.append(f"{resource['name']}: {name} keeps {', '.join(kept)} of earlier runs or other users")
    return bool(changes)


def _find_changes(resource: Mapping[str, Any], found: Json) -> Json:
    """The fields to change, with their new values."""
    body = resource["body"]
    wanted = {name: body[name] for name in resource.get("variable", ())}
    for name in resource.get("extended", ()):
        present = found.get(name, [])
        wanted[name] = [*present, *(value for value in body[name] if value not in present)]
    return {name: value for name, value in wanted.items() if found.get(name) != value}


def delete(api: Api, resource: Mapping[str, Any], dry_run: bool, keep: bool = False) -> Outcome:
    """Delete a resource if it exists and is the cluster's own.

    Args:
        api: Google Cloud's APIs.
        resource: The planned resource, as for `create`; a bucket that `keeps_objects` is deleted only if it is empty.
        dry_run: Only read.
        keep: Keep the resource, but remove the cluster's grants from it.

    Raises:
        RequestError: A request failed.
    """
    found = api.get(resource["url"])
    if found is None:
        return Outcome(False)
    if not is_ours(resource["mark"], found):
        api.notes.append(f"kept {resource['kind']}/{resource['name']}: this cluster did not create it")
        return Outcome(False, found)
    if keep:
        return Outcome("grant" in resource and revoke(api, resource["grant"], dry_run), found)
    content = asdict(measure(api, resource["url"])) if resource["kind"] == "buckets" else None
    if not dry_run:
        empties = content is not None and not resource.get("keeps_objects")
        (_remove_bucket if empties else remove)(api, resource["url"])
    return Outcome(True, found, content)


def _remove_bucket(api: Api, url: str) -> None:
    """Delete a bucket and its objects; again if somebody still writes to it."""

    def attempt() -> None:
        delete_objects(api, url)
        remove(api, url)

    api.retry(lambda error: _has_status(error, _NOT_EMPTY), api.pace.visible_seconds, attempt)


def remove(api: Api, url: str) -> None:
    """Delete a resource; that it is gone already is no error.

    A resource in use may be free soon, because its user is being deleted, perhaps by an interrupted run.

    Args:
        api: Google Cloud's APIs.
        url: URL of the resource.

    Raises:
        RequestError: A request failed.
    """
    try:
        api.retry(_is_in_use, api.pace.visible_seconds, lambda: api.change("DELETE", url))
    except RequestError as error:
        if error.status != _GONE:
            raise


def _has_status(error: Exception, status: int) -> bool:
    return isinstance(error, RequestError) and error.status == status


def _is_in_use(error: Exception) -> bool:
    in_use = ("resourceInUseByAnotherResource", "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE")
    return isinstance(error, RequestError) and error.reason in in_use
