"""`ray up` and `ray down` of a cluster file, with pinned host keys."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from firelib.cluster.pinned_ssh import pinned_environment
from firelib.errors import FirelibError
from firelib.ray_setup.cluster_file import ClusterFile


def up_command(path: Path, restart: bool) -> list[str]:
    """The argv of `ray up`.

    Args:
        path: The cluster file.
        restart: Whether a Ray that runs is started anew, which ends its jobs.

    Example:
        >>> up_command(Path("cluster.yaml"), restart=False)
        ['ray', 'up', '--yes', '--no-restart', 'cluster.yaml']
    """
    return ["ray", "up", "--yes", *([] if restart else ["--no-restart"]), str(path)]


def down_command(path: Path) -> list[str]:
    """The argv of `ray down`.

    Args:
        path: The cluster file.
    """
    return ["ray", "down", "--yes", str(path)]


def run_ray(command: list[str], file: ClusterFile) -> int:
    """Run one of Ray's commands, and show its output. It ends with this process, however that ends.

    Args:
        command: Its argv.
        file: The cluster file, whose host keys are pinned.

    Returns:
        Its exit code.

    Raises:
        FirelibError: Ray's command or ssh is not installed.
    """
    name, *arguments = command
    own = Path(sys.executable).with_name(name)
    program = str(own) if os.access(own, os.X_OK) else shutil.which(name)
    if program is None:
        raise FirelibError(f"{name} is not installed", where="PATH", remedy="make setup")
    child = [sys.executable, "-m", "firelib.cluster.ray_child", program, *arguments]
    with (
        pinned_environment(file) as environment,
        subprocess.Popen(child, env=environment, stdin=subprocess.PIPE) as process,  # noqa: S603  our own module
    ):
        assert process.stdin
        try:
            return process.wait()
        finally:
            process.stdin.close()
            process.wait()
