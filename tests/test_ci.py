"""CI's script: the parts that it runs, its output and its exit code. A fake Makefile replaces the real work."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.project import ROOT

MAKEFILE = """
cluster lint test test-integration test-cluster:
\t@echo "output of $@"; [ "$(FAIL)" != $@ ]
run:
\t@echo "nothing to do"; [ "$(FAIL)" != $@ ]
"""
STAND_IN = '#!/bin/sh\necho "$0 $*"\n'
PARTS = [
    "setup",
    "lint",
    "run",
    "second-run",
    "same-bytes",
    "engine",
    "test",
    "test-integration",
    "images",
    "test-cluster",
]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    (tmp_path / "Makefile").write_text(MAKEFILE)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    for name in ("python", "pytest", "firelib"):
        (tmp_path / ".venv" / "bin" / name).write_text(STAND_IN)
        (tmp_path / ".venv" / "bin" / name).chmod(0o755)
    return tmp_path


def environment(**more: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL"}} | more


def ci(project: Path, **more: str) -> "subprocess.CompletedProcess[str]":
    command = [project / ".ci" / "run"]
    return subprocess.run(command, env=environment(**more), capture_output=True, text=True, check=False)


def table(output: str) -> dict[str, str]:
    """Map each part to its result in the table at the end of the output."""
    rows = [line.split(maxsplit=2) for line in output.rpartition("=====\n")[2].splitlines()]
    return {row[0]: row[2] for row in rows if len(row) == 3 and row[0] in PARTS}


def test_every_part_runs_and_is_in_the_table(project: Path) -> None:
    done = ci(project)
    assert done.returncode == 0, done.stdout + done.stderr
    assert table(done.stdout) == dict.fromkeys(PARTS, "passed")


def test_failed_part_is_shown_and_the_others_still_run(project: Path) -> None:
    done = ci(project, FAIL="test")
    assert done.returncode == 1
    assert "output of test\n" in done.stdout
    assert table(done.stdout) == dict.fromkeys(PARTS, "passed") | {"test": "FAILED (exit code 2)"}


def test_failed_pipeline_skips_the_tests(project: Path) -> None:
    done = ci(project, FAIL="run")
    assert done.returncode == 1
    assert table(done.stdout) == {
        "setup": "passed",
        "lint": "passed",
        "engine": "passed",
        "run": "FAILED (exit code 2)",
    }


def test_interrupt_reaches_all_parts(project: Path) -> None:
    (project / "Makefile").write_text("cluster:\nlint:\n\t@echo $$$$ > pid; exec sleep 600\n")
    running = subprocess.Popen([project / ".ci" / "run"], env=environment(), stdout=subprocess.DEVNULL)
    pid = project / "pid"
    while not (pid.exists() and pid.read_text().strip()):
        assert running.poll() is None
        time.sleep(0.05)
    running.send_signal(signal.SIGTERM)
    assert running.wait(60) == 130
    assert not Path("/proc", pid.read_text().strip()).exists()
