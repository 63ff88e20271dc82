import os
import subprocess
import sys
from pathlib import Path

from tests.project import ROOT


def test_reading_and_writing_compile_nothing_afterwards(tmp_path: Path) -> None:
    """Run twice with an empty cache: the second run adds no machine code to it."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "firelib.tfrecord.compile_kernels"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    first = {path.name for path in tmp_path.rglob("*.nb?")}
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    assert first
    assert {path.name for path in tmp_path.rglob("*.nb?")} == first
