"""dask.distributed, which is no dependency of firelib, in a folder of its own: it changes no pinned version."""

import sys
from importlib.metadata import version

from benchmarks.peers.environment import FOLDER, find_uv, run_quietly
from firelib.console import note


def add_distributed(path: list[str]) -> None:
    """Make the `distributed` of Dask's version importable; it is installed if it is missing.

    Args:
        path: `sys.path`. What firelib has installed comes first.

    Raises:
        RuntimeError: It cannot be installed.
    """
    requirement = f"distributed=={version('dask')}"
    folder = FOLDER / requirement
    if not (folder / ".done").exists():
        note(f"installing {requirement}")
        run_quietly(find_uv(), "pip", "install", "--python", sys.executable, "--target", str(folder), requirement)
        (folder / ".done").touch()
    path.append(str(folder))
