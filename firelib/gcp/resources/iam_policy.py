"""Grants in the IAM policy of a bucket or repository; bindings and conditions of others stay as they are."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

from firelib.gcp.resources.account_visibility import wait_until_visible
from firelib.gcp.resources.api import Api, Json, with_query
from firelib.gcp.resources.request_error import RequestError

_CHANGED_MEANWHILE = (409, 412)
_NOT_FOUND = 404


def grant(api: Api, wanted: Mapping[str, Any], dry_run: bool) -> bool:
    """Grant a member a role, unless it has it.

    Args:
        api: Google Cloud's APIs.
        wanted: `get` and `set` (each a dict with `method` and `url`, and optionally `body`), `version_key` (None where
            the body asks for the version), `wrapped`, `role` and `member`.
        dry_run: Only read.

    Returns:
        Whether something changed (or would change).

    Raises:
        RequestError: A request failed.
    """
    role, member = wanted["role"], wanted["member"]
    if dry_run:
        return not has_role(api, wanted)  # also if the resource would be created first
    return wait_until_visible(api, member, lambda: _update(api, wanted, dry_run, lambda old: add(old, role, member)))


def revoke(api: Api, wanted: Mapping[str, Any], dry_run: bool) -> bool:
    """Remove a member from a policy, whichever roles it has there; nothing if the resource is gone.

    Args:
        api: Google Cloud's APIs.
        wanted: As for `grant`.
        dry_run: Only read.

    Returns:
        Whether something changed (or would change).

    Raises:
        RequestError: A request failed.
    """
    try:
        return _update(api, wanted, dry_run, lambda old: remove(old, wanted["member"]))
    except RequestError as error:
        if error.status == _NOT_FOUND:
            return False
        raise


def add(policy: Json, role: str, member: str) -> Json:
    """Return a policy with a member in the unconditional binding of a role.

    Args:
        policy: A policy.
        role: The role.
        member: The member, such as `serviceAccount:…`.
    """
    updated = copy.deepcopy(policy)
    bindings = updated.setdefault("bindings", [])
    plain = (binding for binding in bindings if binding["role"] == role and "condition" not in binding)
    binding = next(plain, None)
    if binding is None:
        bindings.append({"role": role, "members": [member]})
    elif member not in binding.setdefault("members", []):
        binding["members"].append(member)
    return updated


def remove(policy: Json, member: str) -> Json:
    """Return a policy without a member, in all bindings.

    Google renames the members of a deleted account to `deleted:…?uid=…`; these are removed, too.

    Args:
        policy: A policy.
        member: The member, such as `serviceAccount:…`.
    """
    updated = copy.deepcopy(policy)
    changed = [binding for binding in updated.get("bindings", []) if any(_names(member, m) for m in binding["members"])]
    for binding in changed:
        binding["members"] = [other for other in binding["members"] if not _names(member, other)]
    if changed:
        updated["bindings"] = [binding for binding in updated["bindings"] if binding["members"]]
    return updated


def _names(member: str, other: str) -> bool:
    return other == member or other.startswith(f"deleted:{member}?uid=")


def _update(api: Api, wanted: Mapping[str, Any], dry_run: bool, edit: Callable[[Json], Json]) -> bool:
    """Read, modify, write; again if somebody else changed the policy in between."""
    sent = False

    def attempt() -> bool:
        nonlocal sent
        policy = read_policy(api, wanted)
        updated = edit(policy)
        if updated == policy or dry_run:
            return sent or updated != policy
        sent = True  # the response to an update that was executed may be lost: then the next attempt changes nothing
        body = {"policy": updated} if wanted["wrapped"] else updated
        api.send(wanted["set"]["method"], wanted["set"]["url"], body)
        return True

    return api.retry(_is_conflict, api.pace.deadline_seconds, attempt)


def has_role(api: Api, wanted: Mapping[str, Any]) -> bool:
    """Whether a member has a role without a condition; not if the resource does not exist.

    Args:
        api: Google Cloud's APIs.
        wanted: As for `grant`.

    Raises:
        RequestError: The policy cannot be read.
    """
    try:
        policy = read_policy(api, wanted)
    except RequestError as error:
        if error.status == _NOT_FOUND or error.is_service_disabled:
            return False
        raise
    return add(policy, wanted["role"], wanted["member"]) == policy


def read_policy(api: Api, wanted: Mapping[str, Any]) -> Json:
    """Read a policy with its conditions.

    Args:
        api: Google Cloud's APIs.
        wanted: As for `grant`.

    Raises:
        RequestError: The request failed.
    """
    key, get = wanted["version_key"], wanted["get"]
    return api.send(get["method"], with_query(get["url"], **({key: "3"} if key else {})), get.get("body"))


def _is_conflict(error: Exception) -> bool:
    return isinstance(error, RequestError) and error.status in _CHANGED_MEANWHILE
