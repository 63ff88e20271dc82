"""Whether a process of this machine has ended, by the token that names it."""

import sys
from collections.abc import Callable
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]


class FilterModule:
    """Filters for playbooks."""

    def filters(self) -> dict[str, Callable[[str], bool]]:
        """Map the names of the filters to functions, as Ansible requires."""
        return {"process_has_ended": process_has_ended}


def process_has_ended(token: str) -> bool:
    """Whether the process of a token is known to have ended; False for processes of other machines.

    Args:
        token: A token of `firelib.storage.Owner`.
    """
    sys.path.insert(0, str(_ROOT))
    try:
        from firelib.storage import Owner
    finally:
        sys.path.pop(0)
    owner = Owner.parse(token)
    return owner is not None and owner.has_ended
