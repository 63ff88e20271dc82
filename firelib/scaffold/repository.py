"""git and DVC in a new project's folder. Repositories that are there already stay as they are."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from firelib.console import note
from firelib.errors import FirelibError
from firelib.extras import install_command


def find_git_root(folder: Path) -> Path | None:
    """The git repository that a folder, which may not exist yet, is part of.

    Args:
        folder: The folder.

    Returns:
        Its top folder; None outside of git.
    """
    for parent in (folder.absolute(), *folder.absolute().parents):
        if (parent / ".git").exists():
            return parent
    return None


def init_repositories(folder: Path) -> None:
    """Make a folder a git repository and a DVC project, unless it is one.

    Args:
        folder: The project's folder.

    Raises:
        FirelibError: git or DVC fails, or DVC is not installed.
    """
    root = find_git_root(folder)
    has_git = shutil.which("git") is not None
    if root is None and has_git:
        _run(["git", "init", "--quiet"], folder)
        root = folder
    if root is None:
        note("git is not installed: DVC works without it, but nothing keeps versions of the recipe and of dvc.lock")
    if (folder / ".dvc").is_dir():
        return
    options = [] if root == folder.absolute() else ["--subdir"] if root and has_git else ["--no-scm"]
    _run([sys.executable, "-m", "dvc", "init", "--quiet", *options], folder)
    _run([sys.executable, "-m", "dvc", "config", "--quiet", "core.analytics", "false"], folder)


def _run(command: list[str], folder: Path) -> None:
    environment = {**os.environ, "DVC_NO_ANALYTICS": "true"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)  # noqa: S603  fixed commands
    if done.returncode:
        program = "dvc" if "dvc" in command else "git"
        arguments = " ".join(command[command.index("dvc") + 1 :] if program == "dvc" else command[1:])
        is_missing = "No module named dvc" in done.stderr
        raise FirelibError(
            f"{program}: {(done.stderr or done.stdout).strip()}",
            where=str(folder),
            remedy=f"install DVC: {install_command(['pipeline'])}; then run in this folder: dvc init"
            if is_missing
            else f"correct the problem, then run in this folder: {program} {arguments}",
        )
