#!/usr/bin/python
"""Ansible module: let Docker use gcloud's credentials for one registry."""

import os
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

try:
    from firelib.errors import FirelibError
    from firelib.gcp.vertex.docker_helper import config_file, configure
except ImportError as error:
    MISSING = error.name
else:
    MISSING = None

DOCUMENTATION = """
module: docker_helper
short_description: Let Docker use gcloud's credentials for one registry
description:
  - Adds the host to C(credHelpers) of Docker's configuration, as C(gcloud auth configure-docker) does.
  - Everything else in the file stays.
options:
  host:
    description: Host of the registry.
    type: str
    required: true
author: firelib
"""


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec={"host": {"type": "str", "required": True}}, supports_check_mode=True)
    if MISSING:
        module.fail_json(msg=missing_required_lib(MISSING))
    file = config_file(os.environ, Path.home())
    try:
        changed = configure(file, module.params["host"], module.check_mode)
    except FirelibError as problem:
        module.fail_json(msg=str(problem), what=problem.what, where=problem.where, remedy=problem.remedy)
    module.exit_json(changed=changed, file=str(file))


if __name__ == "__main__":
    main()
