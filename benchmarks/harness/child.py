"""Measurements in a child process, which earlier measurements cannot influence."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def peak_mib() -> float:
    """Peak resident memory of this process in MiB.

    `getrusage` is no substitute: it includes the parent's memory from before `exec`.
    """
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def run_child(module: str, *arguments: str) -> dict[str, Any]:
    """Run `python -m module arguments` and parse its last line of output as JSON.

    Raises:
        RuntimeError: The child failed.
    """
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  our own module
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stderr.strip()[-1000:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))
