"""Check a model beside a run: `python -m firelib.check.model.child_process PARENT PARAMS OUTPUT`.

The process gives way to the stages, and ends with its parent.
"""

import os
import sys
from contextlib import suppress
from pathlib import Path

from firelib import storage
from firelib.parent_watch import die_with_parent

_NICE = 10  # a tenth of a core that others want: enough to end before a long transform


def main() -> None:
    """Check the model of a project, and write what is wrong with it as JSON; nothing if it cannot be checked.

    What else is wrong with the project is known before a run, or may change while it runs.
    """
    parent, params, output = sys.argv[1:]
    die_with_parent(int(parent))
    with suppress(OSError):
        os.nice(_NICE)
    from firelib.check.description import check_description, explain_obstacle
    from firelib.check.report import to_json

    description = check_description(Path(params))
    if explain_obstacle(description):
        return
    from firelib.check.model.check_model import check_model

    checked = check_model(description)
    storage.write_bytes(output, to_json(checked.findings, checked.seconds).encode())


if __name__ == "__main__":
    main()
