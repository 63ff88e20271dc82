import os
import subprocess
import sys
from pathlib import Path

import pytest

from firelib.parent_watch import RUN_PROCESS, identify_process
from tests.patience import patience
from tests.project import ROOT

STAGE = "import time; from firelib.parent_watch import watch_run; watch_run(); time.sleep(2); print('finished')"
DIE = "import sys; from firelib.parent_watch import die_with_parent; die_with_parent(int(sys.argv[1])); print('lives')"


def run(code: str, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    env = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=patience(60), check=False)


def dead_process() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


def test_stage_whose_run_has_ended_before_it_began() -> None:
    table = identify_process().partition(":")[0]
    done = run(STAGE, **{RUN_PROCESS: f"{table}:{dead_process()}"})
    assert done.returncode == 137
    assert "firelib run" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    "value",
    ["", identify_process(), f"1:{dead_process()}", f"{identify_process().partition(':')[0]}:1"],
    ids=["no run", "its run lives", "another container", "the run is no ancestor or the first process"],
)
def test_other_stages_go_on(value: str) -> None:
    assert run(STAGE, **{RUN_PROCESS: value}).stdout == "finished\n"


def test_parent_that_has_ended_before_the_signal_was_requested() -> None:
    assert run(DIE, str(os.getpid())).stdout == "lives\n"
    assert run(DIE, str(dead_process())).returncode == 137


def test_host_and_namespace_are_known_on_linux() -> None:
    """Every host has the same number for its first namespace."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", "")
    assert identify_process() == f"{boot}_{Path('/proc/self/ns/pid').stat().st_ino}:{os.getpid()}"
