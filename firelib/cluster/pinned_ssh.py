"""Host keys pinned for Ray's commands, which call ssh themselves with checks switched off.

Ray 2.60 runs `ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null …`, and no key of the cluster file
changes that. ssh uses the first value of each option, so a program `ssh` that is found first puts the cluster's there.
"""

import os
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from firelib.cluster.ssh import find_ssh, pinning_options
from firelib.errors import FirelibError
from firelib.ray_setup.cluster_file import ClusterFile


@contextmanager
def pinned_environment(file: ClusterFile) -> Iterator[dict[str, str]]:
    """Yield environment variables with which `ssh` checks the pinned host keys, until the block ends.

    Raises:
        FirelibError: ssh is not installed, or neither the temporary folder nor the user's cache lets programs run.
    """
    script = f'#!/bin/sh\nexec {shlex.quote(find_ssh())} {shlex.join(pinning_options(file))} "$@"\n'
    with ExitStack() as folders:
        for parent in (Path(tempfile.gettempdir()), _cache()):
            folder = folders.enter_context(tempfile.TemporaryDirectory(prefix="firelib-ssh-", dir=parent))
            if _write_program(Path(folder, "ssh"), script):
                yield {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
                return
        raise FirelibError(
            f"{tempfile.gettempdir()} and {_cache()} let no programs run: both are mounted with noexec",
            where="TMPDIR",
            remedy="set TMPDIR to a folder that allows it, such as TMPDIR=$HOME/tmp, then run it again",
        )


def _cache() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    cache.mkdir(parents=True, exist_ok=True)
    return cache


def _write_program(path: Path, script: str) -> bool:
    """Write a program; return whether it can run. A shell would silently take the next `ssh` on PATH otherwise."""
    path.write_text(script)
    path.chmod(0o700)
    return os.access(path, os.X_OK)
