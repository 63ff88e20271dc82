#!/usr/bin/python
"""Ansible module: check whether a cluster can be created on Google Cloud; changes nothing."""

from typing import Any

from ansible.module_utils.google_cloud import run

DOCUMENTATION = """
module: cloud_preflight
short_description: Check whether a cluster can be created on Google Cloud
description:
  - Checks that the zones offer the machine type and the GPUs, that no name is taken, and that the quotas suffice.
  - Reports all findings at once, before anything is created.
options:
  plan:
    description: The result of filter C(gcp_plan).
    type: dict
    required: true
  resources:
    description: The result of filter C(gcp_resources).
    type: list
    elements: dict
    required: true
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
    """Raise an error with all findings, if there are any."""
    from firelib.gcp.resources.preflight import check_plan

    check_plan(api, module.params["plan"], module.params["resources"])
    return {"changed": False}


def main() -> None:
    """Run the module."""
    resources = {"type": "list", "elements": "dict", "required": True}
    run({"plan": {"type": "dict", "required": True}, "resources": resources}, work)


if __name__ == "__main__":
    main()
