"""`compile_kernels` compiles every kernel of the fixed layout."""

import os
import subprocess
import sys
from pathlib import Path

from tests.project import ROOT


def test_a_second_run_compiles_nothing(tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "firelib.tfrecord.compile_kernels"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    first = {path.name for path in tmp_path.rglob("*.nb?")}
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    assert first
    assert {path.name for path in tmp_path.rglob("*.nb?")} == first
