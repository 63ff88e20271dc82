"""Signals on their way from `firelib run` to a stage, with stages that are small programs."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.dvc_pipeline.processes import descendants, process_groups, wait_for_end
from tests.patience import patience, wait_until
from tests.project import ROOT

RUN = """
import sys, pathlib
from firelib.dvc_pipeline.repro import Repro
from firelib.signals import sigterm_as_ctrl_c
with sigterm_as_ctrl_c():
    try:
        sys.exit(Repro(pathlib.Path.cwd(), []).run({}))
    except KeyboardInterrupt:
        sys.exit(130)
"""
# Ends like a stage: it finishes its work for two seconds after the first signal, and counts the signals.
STAGE = """
import os, pathlib, sys, time
from firelib.parent_watch import watch_run
from firelib.signals import on_sigterm, sigterm_as_ctrl_c
watch_run()
requests = []
try:
    with on_sigterm(lambda: requests.append(1)):
        pathlib.Path("stage").write_text(str(os.getpid()))
        while not requests:
            time.sleep(0.1)
        time.sleep(2)
except KeyboardInterrupt:
    sys.exit(130)
pathlib.Path("requests").write_text(str(len(requests)))
pathlib.Path(os.environ["FIRELIB_STOPPED_FILE"]).touch()
sys.exit(75)
"""
Start = Callable[[], "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start the run in a process group of its own; return when its stage waits for a signal."""
    (tmp_path / "stage.py").write_text(STAGE)
    (tmp_path / "dvc.yaml").write_text(f"stages: {{train: {{cmd: 'true && {sys.executable} stage.py'}}}}\n")
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q", "--no-scm"], cwd=tmp_path, check=True)

    with process_groups() as start:

        def run() -> "subprocess.Popen[str]":
            started = start([sys.executable, "-c", RUN], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)})
            wait_until((tmp_path / "stage").exists, 120, "the stage begins")
            return started

        yield run


@pytest.mark.parametrize("send", [os.kill, os.killpg], ids=["the run only", "its process group"])
def test_sigterm_is_one_request_for_the_stage(tmp_path: Path, start: Start, send: Callable[[int, int], None]) -> None:
    """On its own, DVC exits on the signal, leaves the stage running, and returns the same code for every failure."""
    run = start()
    left = descendants(run)
    send(run.pid, signal.SIGTERM)
    assert run.wait(patience(60)) == 75
    assert (tmp_path / "requests").read_text() == "1"
    wait_for_end(left)


@pytest.mark.parametrize("send", [os.kill, os.killpg], ids=["the run only", "its process group"])
def test_ctrl_c_ends_the_stage(start: Start, send: Callable[[int, int], None]) -> None:
    run = start()
    left = descendants(run)
    send(run.pid, signal.SIGINT)
    assert run.wait(patience(30)) == 130
    wait_for_end(left)


@pytest.mark.parametrize("victim", ["run", "dvc"])
def test_no_process_outlives_a_killed_parent(tmp_path: Path, start: Start, victim: str) -> None:
    run = start()
    left = descendants(run)
    assert int((tmp_path / "stage").read_text()) in [process.pid for process in left]
    if victim == "run":
        run.kill()
    else:
        left[0].kill()
    assert run.wait(patience(10)) != 0
    wait_for_end(left)
