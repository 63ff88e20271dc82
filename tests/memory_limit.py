"""Run commands with a real limit on memory: a cgroup of its own, v1 or v2."""

import subprocess
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.patience import patience, wait_until

_V1, _V2 = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class MemoryLimit:
    """A cgroup.

    Attributes:
        folder: The cgroup.
    """

    folder: Path

    def run(self, command: Sequence[str], cwd: Path, seconds: float) -> subprocess.CompletedProcess[str]:
        """Run a command and its children in the cgroup.

        Args:
            command: The command.
            cwd: Its working directory.
            seconds: Limit of its time, which TESTS_PATIENCE scales.
        """
        join = ["sh", "-c", f'echo $$ > {self.folder}/cgroup.procs && exec "$@"', "sh", *command]
        return subprocess.run(join, cwd=cwd, capture_output=True, text=True, check=False, timeout=patience(seconds))

    def count_kills(self) -> int:
        """Number of processes of the cgroup that the kernel has killed."""
        name = "memory.oom_control" if (self.folder / "memory.oom_control").exists() else "memory.events"
        lines = (line.split() for line in (self.folder / name).read_text().splitlines())
        return next(int(number) for key, number in lines if key == "oom_kill")


@contextmanager
def memory_limit(mib: int) -> Iterator[MemoryLimit]:
    """A cgroup with a limit of `mib` MiB for the duration of the block; skip the test if this user cannot make one."""
    is_v1 = (_V1 / "memory.limit_in_bytes").exists()
    folder = (_V1 if is_v1 else _V2) / f"firelib-test-{uuid.uuid4().hex[:8]}"
    limit = folder / ("memory.limit_in_bytes" if is_v1 else "memory.max")
    try:
        folder.mkdir()
        limit.write_text(str(mib << 20))
    except OSError as error:
        with suppress(OSError):
            folder.rmdir()
        pytest.skip(f"no cgroup with a limit on memory can be made here: {error}")
    try:
        yield MemoryLimit(folder)
    finally:
        wait_until(lambda: not (folder / "cgroup.procs").read_text(), 20, "all processes of the cgroup have ended")
        folder.rmdir()
