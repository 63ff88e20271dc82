#!/usr/bin/python
"""Ansible module: grant a role on one resource of Google Cloud, or remove a member from its policy."""

from typing import Any

from ansible.module_utils.google_cloud import run

DOCUMENTATION = """
module: cloud_grant
short_description: Grant a role on one resource of Google Cloud, or remove a member from its policy
description:
  - Reads, modifies and writes the policy with its etag; bindings and conditions of others stay.
options:
  grant:
    description: An item of C(grants) in the result of filter C(vertex_plan).
    type: dict
    required: true
  state:
    description: Whether the member should have the role. C(absent) removes the member from all roles.
    choices: [present, absent]
    default: present
    type: str
  token:
    description: Access token.
    type: str
    required: true
  poll_seconds:
    description: Seconds that a repeated request waits at most, roughly.
    type: float
    default: 5
author: firelib
"""

_NOT_FOUND = 404


def work(module: Any, api: Any) -> dict[str, Any]:
    """Do what `state` says and return whether something changed."""
    from firelib.gcp.resources.iam_policy import grant, revoke
    from firelib.gcp.resources.request_error import RequestError

    present = module.params["state"] == "present"
    try:
        return {"changed": (grant if present else revoke)(api, module.params["grant"], module.check_mode)}
    except RequestError as error:
        if error.status == _NOT_FOUND and not present:
            return {"changed": False}  # the resource is gone, and its policy with it
        if module.check_mode and (error.status == _NOT_FOUND or error.is_service_disabled):
            return {"changed": True}  # the resource would be created first
        raise


def main() -> None:
    """Run the module."""
    states = {"choices": ["present", "absent"], "default": "present"}
    run({"grant": {"type": "dict", "required": True}, "state": states}, work)


if __name__ == "__main__":
    main()
