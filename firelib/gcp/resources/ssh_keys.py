"""SSH keys in the metadata of a machine: each user of a cluster adds one, and those of others stay."""

import copy
from collections.abc import Mapping
from typing import Any

from firelib.gcp.resources.aggregated import Located
from firelib.gcp.resources.api import Api, Json
from firelib.gcp.resources.request_error import RequestError

_ITEM = "ssh-keys"
_CHANGED_MEANWHILE = 412


def add_key(api: Api, machine: Located, planned: Mapping[str, Any], dry_run: bool) -> bool:
    """Add the caller's key to a machine, unless it has it. The machine's agent notices within seconds.

    Args:
        api: Google Cloud's APIs.
        machine: The machine, as it was found.
        planned: The body with which it would be created; its metadata has the key.
        dry_run: Only read.

    Returns:
        Whether the machine lacked the key.

    Raises:
        RequestError: A request failed.
    """
    [line] = _lines(planned["metadata"])
    if with_key(machine.fields.get("metadata", {}), line) is None:
        return False
    if not dry_run:
        api.retry(_is_conflict, api.pace.deadline_seconds, lambda: _add_once(api, machine.url, line))
        api.notes.append(f"{machine.name}: added your SSH key to its metadata")
    return True


def with_key(metadata: Mapping[str, Any], line: str) -> Json | None:
    """Return metadata with one more key, or None if they have it, perhaps with another comment.

    Args:
        metadata: A machine's metadata.
        line: `USER:TYPE KEY COMMENT`.
    """
    if any(found.split()[:2] == line.split()[:2] for found in _lines(metadata)):
        return None
    updated: Json = copy.deepcopy(dict(metadata))
    others = [item for item in updated.get("items", []) if item["key"] != _ITEM]
    updated["items"] = [*others, {"key": _ITEM, "value": "\n".join([*_lines(metadata), line])}]
    return updated


def _lines(metadata: Mapping[str, Any]) -> list[str]:
    return [line for item in metadata.get("items", []) if item["key"] == _ITEM for line in item["value"].splitlines()]


def _add_once(api: Api, url: str, line: str) -> None:
    """Read, modify, write; the fingerprint in the metadata shows whether somebody else has changed them meanwhile."""
    updated = with_key(api.send("GET", url).get("metadata", {}), line)
    if updated is not None:
        api.change("POST", f"{url}/setMetadata", updated)


def _is_conflict(error: Exception) -> bool:
    return isinstance(error, RequestError) and error.status == _CHANGED_MEANWHILE
