#!/usr/bin/python
"""Ansible module: enable the services of Google Cloud that a project for jobs needs."""

from typing import Any

from ansible.module_utils.google_cloud import run

DOCUMENTATION = """
module: cloud_services
short_description: Enable services of Google Cloud
description:
  - Enables the services that are not enabled, in one long-running operation, and waits until they respond.
options:
  plan:
    description: The result of filter C(vertex_plan).
    type: dict
    required: true
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
    """Enable what is not enabled, and return its names."""
    from firelib.gcp.vertex.services import enable

    enabled = enable(api, module.params["plan"], module.check_mode)
    return {"changed": bool(enabled), "services": enabled}


def main() -> None:
    """Run the module."""
    run({"plan": {"type": "dict", "required": True}}, work)


if __name__ == "__main__":
    main()
