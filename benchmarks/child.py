"""A measurement in a process of its own, so that what came before cannot show in it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def peak_mib() -> float:
    """The most memory that this process ever held, in MiB.

    Not `getrusage`, which also counts what the parent held before this program was loaded.
    """
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def run_child(module: str, *arguments: str) -> dict[str, Any]:
    """Run `python -m module arguments`; what it prints last is JSON.

    Raises:
        RuntimeError: It failed.
    """
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  our own module
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stderr.strip()[-1000:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))
