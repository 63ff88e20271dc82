"""Run a local job's stage and record its exit code.

`python -m firelib.launch.backends.local.supervisor FOLDER STAGE …`
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from firelib import storage
from firelib.console import note
from firelib.errors import FirelibError
from firelib.launch.runtime.stage_runner import run_stage


def supervise(folder: Path, arguments: Sequence[str]) -> int:
    """Run a stage until it ends and write its exit code to `FOLDER/exit_code`.

    Args:
        folder: Folder of the job.
        arguments: The stage and its options.

    Returns:
        The exit code; 1 if the stage could not be started.
    """
    code = 1
    try:
        code = run_stage(arguments, {})
    except FirelibError as error:
        note(f"error: {error}")
    finally:
        storage.write_bytes(str(folder / "exit_code"), str(code).encode())
    return code


if __name__ == "__main__":
    sys.exit(supervise(Path(sys.argv[1]), sys.argv[2:]))
