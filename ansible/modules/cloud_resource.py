#!/usr/bin/python
"""Ansible module: one resource of Google Cloud is there, or is not. Compute Engine's operations are waited for."""

import json
import time
import urllib.error
import urllib.request
from typing import Any, NamedTuple

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: cloud_resource
short_description: One resource of Google Cloud, made or removed
description: Looks for it first, so a second run changes nothing. Starts machines that are stopped.
options:
  resource:
    description: What filter C(gcp_resources) gives.
    type: dict
    required: true
  state:
    description: Whether it should be there.
    choices: [present, absent]
    default: present
    type: str
  token:
    description: Access token.
    type: str
    required: true
  poll_seconds:
    description: How long to wait between two looks at an operation.
    type: float
    default: 5
author: firelib
"""

_PATIENCE = 600.0
_REMEDY = (
    "Quota: ask for more, or take another zone or machine type. Rights: your account needs roles/editor and "
    "roles/resourcemanager.projectIamAdmin. API not enabled: "
    "gcloud services enable compute iam storage artifactregistry"
)


class Refusal(Exception):  # noqa: N818  # no error of ours
    """What Google Cloud refused, and why."""


class Answer(NamedTuple):
    status: int
    body: dict[str, Any]


class Cloud:
    """Requests with a token."""

    def __init__(self, token: str, poll_seconds: float) -> None:
        self._token, self._poll_seconds = token, poll_seconds

    def get(self, url: str) -> dict[str, Any] | None:
        """A resource, or None where there is none."""
        answer = self._send("GET", url, None)
        return None if answer.status == 404 else self._accepted("GET", url, answer)

    def change(self, method: str, url: str, body: dict[str, Any] | None) -> None:
        """Send a change and wait until it is done."""
        operation = self._accepted(method, url, self._send(method, url, body))
        if operation.get("kind") != "compute#operation":
            return
        deadline = time.monotonic() + _PATIENCE
        while operation["status"] != "DONE":
            if time.monotonic() > deadline:
                raise Refusal(f"{method} {url}: not done after {_PATIENCE:g} s. Run this again")
            time.sleep(self._poll_seconds)
            operation |= self.get(operation["selfLink"]) or {}
        errors = [error.get("message", "") for error in operation.get("error", {}).get("errors", [])]
        if errors:
            raise Refusal(f"Google Cloud failed at {method} {url}: {'; '.join(errors)}. {_REMEDY}")

    def _send(self, method: str, url: str, body: dict[str, Any] | None) -> Answer:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data=data, headers=headers, method=method)  # noqa: S310  # by gcp_resources
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                return Answer(answer.status, json.loads(answer.read() or b"{}"))
        except urllib.error.HTTPError as error:
            return Answer(error.code, _json(error.read()))
        except OSError as error:
            raise Refusal(f"no answer from {url}: {error}. Is this machine online?") from None

    @staticmethod
    def _accepted(method: str, url: str, answer: Answer) -> dict[str, Any]:
        if answer.status < 300:
            return answer.body
        reason = answer.body.get("error", {}).get("message", "no reason given")
        raise Refusal(f"Google Cloud refuses {method} {url} ({answer.status}): {reason}. {_REMEDY}")


def _json(text: bytes) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def make(cloud: Cloud, resource: dict[str, Any], dry_run: bool) -> tuple[bool, dict[str, Any]]:
    """Whether something had to change, and the resource."""
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


def remove(cloud: Cloud, resource: dict[str, Any], dry_run: bool) -> bool:
    """Whether something had to change."""
    found = cloud.get(resource["url"])
    if found is not None and not dry_run:
        cloud.change("DELETE", resource["url"], None)
    return found is not None


def main() -> None:
    options = {
        "resource": {"type": "dict", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "token": {"type": "str", "required": True, "no_log": True},
        "poll_seconds": {"type": "float", "default": 5},
    }
    module = AnsibleModule(argument_spec=options, supports_check_mode=True)
    wanted = module.params
    cloud = Cloud(wanted["token"], wanted["poll_seconds"])
    try:
        if wanted["state"] == "absent":
            module.exit_json(changed=remove(cloud, wanted["resource"], module.check_mode))
        changed, found = make(cloud, wanted["resource"], module.check_mode)
        module.exit_json(changed=changed, found=found)
    except Refusal as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
