"""A command is watched until its end; a real one, since only its output matters."""

import os
import signal
import sys
import threading
from pathlib import Path

import psutil
import pytest

from benchmarks.jobs.observed_command import is_first_step, observe
from firelib.console import progress
from firelib.train.progress_actor import ProgressSnapshot
from tests.patience import patience, wait_until

TRAINS = """
import os, sys
print("starting")
print("train: 1/6 in 3 s  epoch 1/2  100 rows/s  loss 0.6", flush=True)
print(os.environ["OWN"], os.getcwd())
"""


def test_the_first_step_is_found_as_firelib_shows_it(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("train") as advance:
        advance(0, note="2 of 3 workers have started")
        advance(3, 1240, ProgressSnapshot(1, 5, 3, 1240, 1000.0, 0.5).text)
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if is_first_step(line)] == lines[-1:]
    assert is_first_step(f"train_1  | {lines[-1]}")


def test_a_command_gets_its_folder_and_variables(tmp_path: Path) -> None:
    seen = observe([sys.executable, "-c", TRAINS], tmp_path, {"OWN": "value"})
    assert seen.last_line == f"value {tmp_path}"
    assert seen.first_step_seconds > 0


@pytest.mark.parametrize("program", ["print('what is wrong')", "import sys; sys.exit('what is wrong')"])
def test_a_command_that_fails_or_never_trains_is_an_error_with_its_output(tmp_path: Path, program: str) -> None:
    with pytest.raises(RuntimeError, match="what is wrong"):
        observe([sys.executable, "-c", program], tmp_path, {})


def test_ctrl_c_ends_the_command_before_it_is_raised(tmp_path: Path) -> None:
    program = "import pathlib, time; pathlib.Path('runs').touch(); time.sleep(600)"
    found: list[psutil.Process] = []

    def interrupt() -> None:
        wait_until((tmp_path / "runs").exists, 30, "the command runs")
        found.extend(each for each in psutil.Process().children() if program in each.cmdline())
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        observe([sys.executable, "-c", program], tmp_path, {})
    thread.join(patience(30))
    [process] = found
    assert not process.is_running()
