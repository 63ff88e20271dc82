"""Stay beside a local job's stage and record its exit code: `python -m … FOLDER STAGE …`."""

import sys
from collections.abc import Sequence
from pathlib import Path

from firelib import storage
from firelib.console import note
from firelib.errors import FirelibError
from firelib.launch.runtime.stage_runner import run_stage


def keep(folder: Path, words: Sequence[str]) -> int:
    """Run a stage to its end, and leave its exit code in a folder."""
    code = 1
    try:
        code = run_stage(words, {})
    except FirelibError as error:
        note(f"error: {error}")
    finally:
        storage.write_bytes(str(folder / "exit_code"), str(code).encode())
    return code


if __name__ == "__main__":
    sys.exit(keep(Path(sys.argv[1]), sys.argv[2:]))
