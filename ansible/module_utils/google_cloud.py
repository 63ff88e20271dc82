"""What the modules for Google Cloud share: two options, the APIs, and how errors are reported."""

from collections.abc import Callable
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

try:  # the modules run on this machine, with the Python of the environment that holds Ansible and firelib
    from firelib.errors import FirelibError
    from firelib.gcp.resources.api import Api, Pace
except ImportError as error:
    MISSING = error.name
else:
    MISSING = None

_OPTIONS = {
    "token": {"type": "str", "required": True, "no_log": True},
    "poll_seconds": {"type": "float", "default": 5},
}


def run(options: dict[str, Any], work: Callable[[AnsibleModule, Any], dict[str, Any]]) -> None:
    """Run a module.

    Args:
        options: The module's own options.
        work: Returns the module's result; gets the module and Google Cloud's APIs.
    """
    module = AnsibleModule(argument_spec=options | _OPTIONS, supports_check_mode=True)
    if MISSING:
        module.fail_json(msg=missing_required_lib(MISSING))
    api = Api(module.params["token"], Pace(poll_seconds=module.params["poll_seconds"]))
    try:
        result = work(module, api)
    except FirelibError as error:
        _warn(module, api)
        module.fail_json(msg=str(error), what=error.what, where=error.where, remedy=error.remedy)
    _warn(module, api)
    module.exit_json(**result)


def _warn(module: AnsibleModule, api: Any) -> None:
    for note in api.notes:
        module.warn(note)
