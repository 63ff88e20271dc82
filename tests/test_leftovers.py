"""The check at the end of a test run: a leftover process fails it."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.project import ROOT

LEAVES_A_PROCESS = """
import subprocess
def test_passes():
    nowhere = subprocess.DEVNULL
    print("left", subprocess.Popen(["sleep", "600"], start_new_session=True, stdout=nowhere, stderr=nowhere).pid)
"""
LEAVES_NONE = """
import subprocess
def test_passes():
    subprocess.run(["true"])
"""


def run_tests(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_it.py").write_text(code)
    env = {name: value for name, value in os.environ.items() if name != "PYTEST_XDIST_WORKER"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-s", "-p", "tests.conftest", "-c", os.devnull, "test_it.py"],
        cwd=folder,
        env={**env, "PYTHONPATH": str(ROOT), "TESTS_PATIENCE": "0.01"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_leftover_process_fails_the_run(tmp_path):
    done = run_tests(tmp_path, LEAVES_A_PROCESS)
    pid = int(done.stdout.split("left ")[1].split()[0])
    try:
        assert psutil.pid_exists(pid)
        assert done.returncode == pytest.ExitCode.TESTS_FAILED
        assert f"left over: {pid} ['sleep', '600']" in done.stdout
    finally:
        psutil.Process(pid).kill()


def test_ended_process_does_not_fail_the_run(tmp_path):
    done = run_tests(tmp_path, LEAVES_NONE)
    assert done.returncode == pytest.ExitCode.OK, done.stdout
