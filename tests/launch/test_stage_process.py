"""A stage as a child process."""

import signal
import subprocess
import sys

import pytest

from firelib.errors import FirelibError
from firelib.launch.stage_process import run_stage
from tests.launch.drill import write_project


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(write_project(tmp_path))
    return tmp_path


@pytest.mark.parametrize(("drill", "code"), [("", 0), ("exit", 7), ("stopped", 75)])
def test_its_exit_code_is_given_back(drill, code):
    assert run_stage(["extract"], {"DRILL": drill, "FIRELIB_JOB_ID": "x"}) == code


def test_a_time_limit_ends_it():
    limited = {"DRILL": "wait", "FIRELIB_JOB_ID": "x", "FIRELIB_JOB_SECONDS": "3"}
    assert run_stage(["extract"], limited) == 128 + signal.SIGTERM


def test_a_missing_secret_is_said():
    with pytest.raises(FirelibError, match="there is no variable NOT_THERE"):
        run_stage(["extract"], {"FIRELIB_JOB_SECRETS": '{"A": "env:NOT_THERE"}'})


def test_the_keeper_leaves_the_code(project):
    command = [sys.executable, "-m", "firelib.launch.local.keeper", str(project / "kept"), "extract"]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    assert (project / "kept/exit_code").read_text() == "0"
