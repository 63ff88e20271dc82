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


def work(module: Any, api: Any) -> dict[str, Any]:
    """Do what `state` says and return whether something changed."""
    from firelib.gcp.resources.iam_policy import grant, revoke

    change = grant if module.params["state"] == "present" else revoke
    return {"changed": change(api, module.params["grant"], module.check_mode)}


def main() -> None:
    """Run the module."""
    states = {"choices": ["present", "absent"], "default": "present"}
    run({"grant": {"type": "dict", "required": True}, "state": states}, work)


if __name__ == "__main__":
    main()
