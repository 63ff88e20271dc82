"""Ray's commands end with firelib, with everything that they have started."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from firelib.cluster.ray_commands import run_ray
from tests.cluster.stand_ins import cluster
from tests.dvc_pipeline.processes import Run, descendants, process_groups, wait_for_end
from tests.patience import wait_until
from tests.project import ROOT

# `sleep` stands for the ssh of a command of Ray's.
CODE = """
import signal
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # these tests may run under nohup
from firelib.cluster.ray_commands import run_ray
from tests.cluster.stand_ins import cluster
run_ray(["sh", "-c", "trap '' HUP; sleep 600; true"], cluster())
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))


@pytest.fixture
def start() -> Iterator[Run]:
    with process_groups() as run:
        yield run


def test_exit_code_is_the_commands() -> None:
    assert run_ray(["sh", "-c", "exit 3"], cluster()) == 3


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_nothing_outlives_firelib(start: Run, number: signal.Signals) -> None:
    run = start([sys.executable, "-c", CODE], cwd=ROOT)
    wait_until(lambda: any(process.name() == "sleep" for process in descendants(run)), 60, "the command runs")
    started = descendants(run)
    run.send_signal(number)
    run.wait()
    wait_for_end(started)


def test_nothing_outlives_a_terminal_that_is_closed(start: Run) -> None:
    """SIGHUP reaches the whole process group, and what ignores it would run on."""
    run = start([sys.executable, "-c", CODE], cwd=ROOT)
    wait_until(lambda: any(process.name() == "sleep" for process in descendants(run)), 60, "the command runs")
    started = descendants(run)
    os.killpg(run.pid, signal.SIGHUP)
    run.wait()
    wait_for_end(started)
