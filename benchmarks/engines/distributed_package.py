"""dask.distributed, which is no dependency of firelib, in a folder of its own: it changes no pinned version."""

import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from firelib.console import note

ROOT = Path(__file__).parents[2]


def add_distributed(path: list[str]) -> None:
    """Make the `distributed` of Dask's version importable; it is installed if it is missing.

    Args:
        path: `sys.path`. What firelib has installed comes first.

    Raises:
        RuntimeError: It cannot be installed.
    """
    requirement = f"distributed=={version('dask')}"
    folder = ROOT / ".bench-envs" / requirement
    if not (folder / ".done").exists():
        note(f"installing {requirement}")
        uv = shutil.which("uv", path=f"{os.environ.get('PATH', '')}:{ROOT / '.uv' / 'bin'}")
        if uv is None:
            raise RuntimeError("uv is missing: run make setup")
        command = [uv, "pip", "install", "--quiet", "--python", sys.executable, "--target", str(folder), requirement]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  our own command
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()[-500:]}")
        (folder / ".done").touch()
    path.append(str(folder))
