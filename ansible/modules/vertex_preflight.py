#!/usr/bin/python
"""Ansible module: check whether a project for jobs can be prepared, or removed; changes nothing."""

from typing import Any

from ansible.module_utils.google_cloud import run

DOCUMENTATION = """
module: vertex_preflight
short_description: Check whether a project for jobs on Vertex AI can be prepared or removed
description:
  - Checks project, permissions, names, the bucket's region and the quota of one machine.
  - Before a removal, checks that the bucket is empty, and whether the service account is the role's own.
  - Reports all findings at once, before anything is changed.
options:
  plan:
    description: The result of filter C(vertex_plan).
    type: dict
    required: true
  state:
    description: What is going to be done.
    choices: [present, absent]
    default: present
    type: str
  caller:
    description: The member of IAM policies that submits jobs; default is the account of the token.
    type: str
    default: ''
  token:
    description: Access token.
    type: str
    required: true
  poll_seconds:
    description: Repeated requests wait a fifth of these seconds at first.
    type: float
    default: 5
author: firelib
"""


def work(module: Any, api: Any) -> dict[str, Any]:
    """Raise an error with all findings, if there are any; return the caller, and whether the account is ours."""
    from firelib.gcp.resources.ownership import is_ours
    from firelib.gcp.vertex.caller import read_member
    from firelib.gcp.vertex.plan import find_resource
    from firelib.gcp.vertex.preflight import check_setup, check_teardown

    plan = module.params["plan"]
    if module.params["state"] == "present":
        check_setup(api, plan)
        return {"changed": False, "caller": module.params["caller"] or read_member(api, plan)}
    check_teardown(api, plan)
    account = find_resource(plan, "serviceAccounts")
    return {"changed": False, "owned": is_ours(account["mark"], api.get(account["url"]) or {})}


def main() -> None:
    """Run the module."""
    options = {
        "plan": {"type": "dict", "required": True},
        "state": {"choices": ["present", "absent"], "default": "present"},
        "caller": {"type": "str", "default": ""},
    }
    run(options, work)


if __name__ == "__main__":
    main()
