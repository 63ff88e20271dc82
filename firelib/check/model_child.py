"""Check a model beside a run: `python -m firelib.check.model_child PARENT PARAMS OUTPUT`.

The process takes only time that nobody else wants, and ends with its parent.
"""

import os
import sys
from contextlib import suppress
from pathlib import Path

from firelib import storage
from firelib.parent_watch import die_with_parent

_NICE = 19


def main() -> None:
    """Check a project, and write all findings as JSON."""
    parent, params, output = sys.argv[1:]
    die_with_parent(int(parent))
    _become_idle()
    from firelib.check.project import check_project
    from firelib.check.report import to_json

    checked = check_project(Path(params))
    storage.write_bytes(output, to_json(checked.findings, checked.seconds).encode())


def _become_idle() -> None:
    with suppress(OSError, AttributeError):
        os.nice(_NICE)
    with suppress(OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


if __name__ == "__main__":
    main()
