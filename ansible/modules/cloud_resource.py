#!/usr/bin/python
"""Ansible module: create or delete one resource of a cluster on Google Cloud."""

from dataclasses import asdict
from typing import Any

from ansible.module_utils.google_cloud import run

DOCUMENTATION = """
module: cloud_resource
short_description: Create or delete one resource of a cluster on Google Cloud
description:
  - Reads the resource first, so that a second run changes nothing. Checks what it grants on every run.
  - Machines are created in the first zone with capacity; stopped machines are started.
options:
  resource:
    description: An item of filter C(gcp_resources).
    type: dict
    required: true
  state:
    description: Whether the resource should exist. C(kept) leaves it, but revokes what it grants to the cluster.
    choices: [present, absent, kept]
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


def work(module: Any, api: Any) -> dict[str, Any]:
    """Do what `state` says and return the outcome."""
    from firelib.gcp.resources.machine import create_machine
    from firelib.gcp.resources.resource import create, delete

    resource, state = module.params["resource"], module.params["state"]
    if state == "present":
        make = create_machine if resource["kind"] == "instances" else create
        return asdict(make(api, resource, module.check_mode))
    return asdict(delete(api, resource, module.check_mode, keep=state == "kept"))


def main() -> None:
    """Run the module."""
    states = ["present", "absent", "kept"]
    run({"resource": {"type": "dict", "required": True}, "state": {"choices": states, "default": "present"}}, work)


if __name__ == "__main__":
    main()
