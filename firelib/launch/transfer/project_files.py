"""The files of a project that git does not ignore, or that .gitignore files do not name where there is no git."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from firelib.errors import FirelibError
from firelib.launch.transfer.ignore_files import IgnoreFiles

_GIT_FOLDER = ".git"
_GIT_SECONDS = 60
_NO_REPOSITORY = b"not a git repository"
# Git sets these for hooks, where they point to the repository of the hook.
_OTHER_REPOSITORY = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")


def list_project_files(project: Path, skip: Callable[[str], bool]) -> Iterator[str]:
    """Yield the files that git tracks or would track; without git, all files that no .gitignore names.

    Args:
        project: The project's folder, which may be a subfolder of a repository.
        skip: Whether a folder, relative to the project, need not be searched. Git does not ask.

    Yields:
        Paths relative to the project, in any order, some of them twice. They can be links and special files, and
        files that git tracks may be gone.

    Raises:
        FirelibError: Git is there and cannot read the repository, or does not end.
    """
    listed = _list_with_git(project) if shutil.which("git") and not _is_ignored(project) else None
    if listed is None:
        yield from _list_without_git(project, skip)
        return
    for name in listed:
        path = project / name
        if path.is_symlink() or not path.is_dir():
            yield name
        elif (path / _GIT_FOLDER).exists():  # a submodule, or a repository of its own
            yield from (str(Path(name, inner)) for inner in list_project_files(path, skip))


def _is_ignored(folder: Path) -> bool:
    """Whether the folder is only by chance inside a repository, which ignores it as a whole."""
    return _run_git(folder, "check-ignore", "--quiet", ".").returncode == 0


def _list_with_git(folder: Path) -> list[str] | None:
    """List the files that git does not ignore; None if the folder is in no repository."""
    done = _run_git(folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    if done.returncode == 0:
        return [os.fsdecode(name) for name in done.stdout.split(b"\0") if name]
    if _NO_REPOSITORY in done.stderr:
        return None
    raise FirelibError(
        f"git cannot list the files of the project: {os.fsdecode(done.stderr).strip()}",
        where=str(folder),
        remedy="correct what git reports: firelib sends the files that git does not ignore",
    )


def _run_git(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    environment = {name: value for name, value in os.environ.items() if name not in _OTHER_REPOSITORY}
    command = ["git", "-C", str(folder), "-c", "core.fsmonitor=false", *arguments]
    try:
        return subprocess.run(  # noqa: S603  # a fixed command
            command,
            env={**environment, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_GIT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise FirelibError(
            f"git {arguments[0]} takes more than {_GIT_SECONDS} s",
            where=str(folder),
            remedy="run git status there; git waits forever if a .gitignore is a FIFO",
        ) from None


def _list_without_git(project: Path, skip: Callable[[str], bool]) -> Iterator[str]:
    ignored = IgnoreFiles(project, ".gitignore")
    for folder, subfolders, names in os.walk(project):
        relative = Path(folder).relative_to(project)
        links = [name for name in subfolders if Path(folder, name).is_symlink()]
        paths = {name: str(relative / name) for name in subfolders if name not in links}
        subfolders[:] = [name for name, path in paths.items() if not (skip(path) or ignored.ignores_folder(path))]
        files = (str(relative / name) for name in (*names, *links))
        yield from (path for path in files if not ignored.ignores(path))
