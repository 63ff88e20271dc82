"""Every content that some files have had in a git repository: in all branches, tags, stashes and experiments."""

import subprocess
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from firelib.errors import FirelibError

_MISSING = "0" * 40  # git's name for no content: the file was added or removed


def read_history(project: Path, patterns: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Each path and content once, also of commits that only git's log of references reaches, and of the index.

    Args:
        project: A folder of the repository; files outside of it do not count.
        patterns: Git's glob patterns, such as `**/dvc.lock`.

    Raises:
        FirelibError: The folder is in no git repository, or the repository has only a part of its history.
    """
    if _git(project, "rev-parse", "--is-shallow-repository").strip() == b"true":
        raise FirelibError(
            "the clone is shallow: it does not have all revisions, whose data must stay",
            where=str(project),
            remedy="git fetch --unshallow --tags",
        )
    paths = [f":(glob){pattern}" for pattern in patterns]
    log = ("log", "--all", "--reflog", "--format=", "--raw", "--no-abbrev", "--no-renames", "-m", "-z", "--relative")
    changes = _git(project, *log, "--", *paths).split(b"\0")
    found = {(path.decode(), blob) for path, blob in _parse(changes) if blob != _MISSING}
    staged = _git(project, "ls-files", "-s", "-z", "--", *paths).split(b"\0")
    found |= {(line.partition(b"\t")[2].decode(), line.split()[1].decode()) for line in staged if line}
    for path, blob in sorted(found):
        yield path, _git(project, "cat-file", "blob", blob)


def _parse(changes: Sequence[bytes]) -> Iterator[tuple[bytes, str]]:
    """Path and new content of each line such as `:100644 100644 OLD NEW M`, which its path follows."""
    for line, path in pairwise(changes):
        words = line.strip().split()
        if line.strip().startswith(b":") and len(words) == 5:
            yield path, words[3].decode()


def _git(project: Path, *words: str) -> bytes:
    command = ["git", "-C", str(project), *words]
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
