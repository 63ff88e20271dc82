#!/usr/bin/python
"""Ansible module: store a value in Secret Manager."""

from typing import Any

from ansible.module_utils.google_cloud import run

DOCUMENTATION = """
module: cloud_secret
short_description: Store a value in Secret Manager
description:
  - Adds a version only if the value differs from the latest one. The value is sent to Secret Manager only.
options:
  url:
    description: URL of the secret.
    type: str
    required: true
  value:
    description: The value.
    type: str
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
    """Add a version if there is none with this value."""
    from firelib.gcp.vertex.secret_version import store

    return {"changed": store(api, module.params["url"], module.params["value"], module.check_mode)}


def main() -> None:
    """Run the module."""
    run({"url": {"type": "str", "required": True}, "value": {"type": "str", "required": True, "no_log": True}}, work)


if __name__ == "__main__":
    main()
