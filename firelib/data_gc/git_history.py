"""Every content that some files have had in a git repository: in all branches, tags, stashes and experiments."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from firelib.errors import FirelibError

# Settings of users that would hide the first commit, or what merges hold, or mix other lines into the output.
_SETTINGS = ("-c", "log.showRoot=true", "-c", "log.diffMerges=separate", "-c", "log.showSignature=false")
_LOG = (
    *("log", "--all", "--reflog", "--full-history", "--format=", "--raw", "--no-abbrev", "--no-renames", "-m", "-z"),
    "--relative",
)


def list_working_trees(project: Path) -> list[Path]:
    """The project's folder in each working tree of its repository (`git worktree`), that of `project` first.

    Args:
        project: A folder of the repository.

    Raises:
        FirelibError: The folder is in no git repository.
    """
    prefix = os.fsdecode(_git(project, "rev-parse", "--show-prefix")).rstrip("\n")
    lines = _git(project, "worktree", "list", "--porcelain").split(b"\n")
    trees = [os.fsdecode(line.removeprefix(b"worktree ")) for line in lines if line.startswith(b"worktree ")]
    folders = [folder for tree in trees if (folder := Path(tree, prefix)).is_dir()]
    return [project, *(folder for folder in folders if not folder.samefile(project))]


def read_history(projects: Sequence[Path], patterns: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Each path and content once, also of commits that only git's log of references reaches, and of each index.

    Args:
        projects: The folder of the project in each working tree of the repository; files outside of it do not count.
        patterns: Git's glob patterns, such as `**/dvc.lock`.

    Raises:
        FirelibError: The folder is in no git repository, or the repository has only a part of its history.
    """
    project = projects[0]
    if _git(project, "rev-parse", "--is-shallow-repository").strip() == b"true":
        raise FirelibError(
            "the clone is shallow: it does not have all revisions, whose data must stay",
            where=str(project),
            remedy="git fetch --unshallow --tags",
        )
    paths = [f":(glob){pattern}" for pattern in patterns]
    found = set(_parse(_git(project, *_LOG, "--", *paths).split(b"\0")))
    for each in projects:
        staged = _git(each, "ls-files", "-s", "-z", "--", *paths).split(b"\0")
        found |= {(os.fsdecode(line.partition(b"\t")[2]), line.split()[1].decode()) for line in staged if line}
    for path, blob in sorted(found):
        yield path, _git(project, "cat-file", "blob", blob)


def _parse(changes: Sequence[bytes]) -> Iterator[tuple[str, str]]:
    """Path and new content of each line such as `:100644 100644 OLD NEW M`, which its path follows."""
    for line, path in pairwise(changes):
        words = line.strip().split()
        if line.strip().startswith(b":") and len(words) == 5 and words[3].strip(b"0"):  # zeros: the file was removed
            yield os.fsdecode(path), words[3].decode()


def _git(project: Path, *words: str) -> bytes:
    command = ["git", "-C", str(project), *_SETTINGS, *words]
    try:
        done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603  no shell
    except OSError as error:
        raise FirelibError(f"git: {error}", where=str(project), remedy="install git") from None
    if done.returncode:
        raise FirelibError(
            f"git {words[0]}: {done.stderr.decode(errors='replace').strip()}",
            where=str(project),
            remedy="run it in a git repository: without revisions, nothing tells what must stay",
        )
    return done.stdout
