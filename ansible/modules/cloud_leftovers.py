#!/usr/bin/python
"""Ansible module: list or delete what carries a cluster's mark on Google Cloud, in all zones and regions."""

from typing import Any

from ansible.module_utils.google_cloud import run

DOCUMENTATION = """
module: cloud_leftovers
short_description: List or delete what carries a cluster's mark on Google Cloud
description:
  - Looks for machines, disks and addresses with the cluster's label, and for routers and subnets with its description,
    in all zones and regions of the project.
options:
  plan:
    description: The result of filter C(gcp_plan).
    type: dict
    required: true
  state:
    description: C(absent) deletes what is found, C(listed) lists it.
    choices: [absent, listed]
    default: listed
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


def work(module: Any, api: Any) -> dict[str, Any]:
    """Delete or list, and return the names with their zones or regions."""
    from firelib.gcp.resources.leftovers import delete_leftovers

    plan, delete = module.params["plan"], module.params["state"] == "absent"
    found = delete_leftovers(api, plan["compute"], plan["marks"], dry_run=module.check_mode or not delete)
    return {"changed": delete and bool(found), "resources": found}


def main() -> None:
    """Run the module."""
    states = {"choices": ["absent", "listed"], "default": "listed"}
    run({"plan": {"type": "dict", "required": True}, "state": states}, work)


if __name__ == "__main__":
    main()
