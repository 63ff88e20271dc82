#!/usr/bin/python
"""Ansible module: create or delete one resource of Google Cloud, and wait for Compute Engine's operations."""

import json
import time
import urllib.error
import urllib.request
from typing import Any, NamedTuple

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: cloud_resource
short_description: Create or delete one resource of Google Cloud
description: Reads the resource first, so that a second run changes nothing. Starts stopped machines.
options:
  resource:
    description: An item of filter C(gcp_resources).
    type: dict
    required: true
  state:
    description: Whether the resource should exist.
    choices: [present, absent]
    default: present
    type: str
  token:
    description: Access token.
    type: str
    required: true
  poll_seconds:
    description: Seconds between two requests for the state of an operation.
    type: float
    default: 5
author: firelib
"""

_TIMEOUT_SECONDS = 600.0
_REMEDY = (
    "Quota: request more, or choose another zone or machine type. Permissions: your account needs roles/editor and "
    "roles/resourcemanager.projectIamAdmin. API not enabled: "
    "gcloud services enable compute iam storage artifactregistry"
)


class RequestError(Exception):
    """A failed request, with Google Cloud's reason."""


class Response(NamedTuple):
    """Status code and parsed body."""

    status: int
    body: dict[str, Any]


class Cloud:
    """Google Cloud's APIs.

    Args:
        token: Access token.
        poll_seconds: Seconds between two requests for the state of an operation.
    """

    def __init__(self, token: str, poll_seconds: float) -> None:
        self._token, self._poll_seconds = token, poll_seconds

    def get(self, url: str) -> dict[str, Any] | None:
        """Get a resource; None if it does not exist."""
        response = self._send("GET", url, None)
        return None if response.status == 404 else self._check("GET", url, response)

    def change(self, method: str, url: str, body: dict[str, Any] | None) -> None:
        """Send a change and wait until its operation is done.

        Args:
            method: HTTP method.
            url: URL of the resource or collection.
            body: JSON body, or None.

        Raises:
            RequestError: Google Cloud rejects the request, the operation fails, or it takes too long.
        """
        operation = self._check(method, url, self._send(method, url, body))
        if operation.get("kind") != "compute#operation":
            return
        deadline = time.monotonic() + _TIMEOUT_SECONDS
        while operation["status"] != "DONE":
            if time.monotonic() > deadline:
                raise RequestError(f"{method} {url}: not done after {_TIMEOUT_SECONDS:g} s. Run the playbook again")
            time.sleep(self._poll_seconds)
            operation |= self.get(operation["selfLink"]) or {}
        errors = [error.get("message", "") for error in operation.get("error", {}).get("errors", [])]
        if errors:
            raise RequestError(f"Google Cloud failed at {method} {url}: {'; '.join(errors)}. {_REMEDY}")

    def _send(self, method: str, url: str, body: dict[str, Any] | None) -> Response:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data=data, headers=headers, method=method)  # noqa: S310  gcp_resources builds it
        try:
            with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310  the same
                return Response(response.status, json.loads(response.read() or b"{}"))
        except urllib.error.HTTPError as error:
            return Response(error.code, _parse_json(error.read()))
        except OSError as error:
            raise RequestError(f"no response from {url}: {error}. Is this machine online?") from None

    @staticmethod
    def _check(method: str, url: str, response: Response) -> dict[str, Any]:
        if response.status < 300:
            return response.body
        reason = response.body.get("error", {}).get("message", "no reason given")
        raise RequestError(f"Google Cloud refuses {method} {url} ({response.status}): {reason}. {_REMEDY}")


def _parse_json(text: bytes) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def create(cloud: Cloud, resource: dict[str, Any], dry_run: bool) -> tuple[bool, dict[str, Any]]:
    """Create a resource if it does not exist; start it if it is a stopped machine.

    Args:
        cloud: Google Cloud's APIs.
        resource: An item of filter `gcp_resources`.
        dry_run: Only read.

    Returns:
        Whether something changed (or would change), and the resource.

    Raises:
        RequestError: A request failed.
    """
    found = cloud.get(resource["url"])
    if found is None and not dry_run:
        cloud.change("POST", resource["create"], resource["body"])
        if "grant" in resource:
            cloud.change(resource["grant"]["method"], resource["grant"]["url"], resource["grant"]["body"])
        return True, cloud.get(resource["url"]) or {}
    if found is None:
        return True, resource["body"]
    stopped = found.get("status") in ("TERMINATED", "STOPPED")
    if stopped and not dry_run:
        cloud.change("POST", f"{resource['url']}/start", {})
    return stopped, found


def delete(cloud: Cloud, resource: dict[str, Any], dry_run: bool) -> bool:
    """Delete a resource if it exists.

    Args:
        cloud: Google Cloud's APIs.
        resource: An item of filter `gcp_resources`.
        dry_run: Only read.

    Returns:
        Whether something changed (or would change).

    Raises:
        RequestError: A request failed.
    """
    found = cloud.get(resource["url"])
    if found is not None and not dry_run:
        cloud.change("DELETE", resource["url"], None)
    return found is not None


def main() -> None:
    """Run the module."""
    options = {
        "resource": {"type": "dict", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "token": {"type": "str", "required": True, "no_log": True},
        "poll_seconds": {"type": "float", "default": 5},
    }
    module = AnsibleModule(argument_spec=options, supports_check_mode=True)
    params = module.params
    cloud = Cloud(params["token"], params["poll_seconds"])
    try:
        if params["state"] == "absent":
            module.exit_json(changed=delete(cloud, params["resource"], module.check_mode))
        changed, found = create(cloud, params["resource"], module.check_mode)
        module.exit_json(changed=changed, found=found)
    except RequestError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
