"""Host keys pinned for Ray's commands, which call ssh themselves with checks switched off.

Ray 2.60 runs `ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null …`, and no key of the cluster file
changes that. ssh uses the first value of each option, so a program `ssh` that is found first puts the cluster's there.
"""

import os
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from firelib.cluster.ssh import find_ssh, pinning_options
from firelib.ray_setup.cluster_file import ClusterFile


@contextmanager
def pinned_environment(file: ClusterFile) -> Iterator[dict[str, str]]:
    """Yield environment variables with which `ssh` checks the pinned host keys, until the block ends.

    Raises:
        FirelibError: ssh is not installed.
    """
    program = find_ssh()
    with tempfile.TemporaryDirectory(prefix="firelib-ssh-") as folder:
        wrapper = Path(folder, "ssh")
        options = shlex.join(pinning_options(file))
        wrapper.write_text(f'#!/bin/sh\nexec {shlex.quote(program)} {options} "$@"\n')
        wrapper.chmod(0o700)
        yield {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
