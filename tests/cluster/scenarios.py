"""The scenarios of the roles: runs `molecule/default/verify.yml` of each against the hosts of a lab."""

import re
from typing import Protocol

from tests.project import ROOT

ROLES = {path.name for path in (ROOT / "ansible" / "roles").iterdir()}
AFTER_TEARDOWN = "clean"  # its state is the opposite of the other roles' states
_LINE = re.compile(r"^(?:PLAY \[Verify role (?P<role>\w+)\] \**\n+TASK|fatal: \[(?P<host>[^\] ]+))", re.MULTILINE)
_RECAP = re.compile(r"^(?P<host>\S+) +: ok=\d+ +changed=(?P<changed>\d+) .*failed=(?P<failed>\d+)", re.MULTILINE)


class Lab(Protocol):
    """Hosts of tests, containers or VMs."""

    def play(self, playbook: str, *options: str, check: bool = True) -> str:
        """Run a playbook of the folder `ansible` and return its output; a failure raises, with `check`."""
        ...


def verify_roles(lab: Lab, *roles: str) -> None:
    """Verify the state of these roles on all hosts, in one process of Ansible which changes nothing.

    Args:
        lab: The hosts.
        roles: Names of roles; without any, all that `setup.yml` runs.
    """
    said = lab.play("molecule/verify.yml", *_tags(roles))
    expected = set(roles) or ROLES - {AFTER_TEARDOWN}
    assert {found["role"] for found in _LINE.finditer(said) if found["role"]} == expected
    assert {found["changed"] for found in _RECAP.finditer(said)} == {"0"}


def find_broken_roles(lab: Lab, *roles: str) -> dict[str, str]:
    """Host → the first role whose state is not found there; hosts without such a role are left out.

    Args:
        lab: The hosts.
        roles: Names of roles; without any, all that `setup.yml` runs.
    """
    said = lab.play("molecule/verify.yml", *_tags(roles), check=False)
    failed = {found["host"] for found in _RECAP.finditer(said) if found["failed"] != "0"}
    role, broken = "", {}
    for found in _LINE.finditer(said):
        role = found["role"] or role
        if found["host"] in failed:
            broken[found["host"]] = role  # the last one, since role verify rescues a failure
    return broken


def _tags(roles: tuple[str, ...]) -> tuple[str, ...]:
    return ("--tags", ",".join(roles)) if roles else ()
