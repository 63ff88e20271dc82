"""Slurm's commands: which errors may pass, and which accounting there is."""

import os

import pytest

from firelib.errors import FirelibError
from firelib.launch.backend import LostConnectionError
from firelib.launch.backends.slurm.client import find_accounted_job, run_slurm, show_job
from tests.errors import refused


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Write a program that stands in for one of Slurm's, and is found first."""
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    def write(name: str, text: str) -> None:
        (tmp_path / name).write_text(f"#!/bin/bash\n{text}\n")
        (tmp_path / name).chmod(0o755)

    return write


@pytest.mark.parametrize(
    "message",
    [
        "slurm_load_jobs error: Unable to contact slurm controller (connect failure)",
        "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation",
    ],
)
def test_a_controller_that_does_not_answer_may_be_asked_again(program, message):
    program("scontrol", f"echo '{message}' >&2; exit 1")
    with refused(where="scontrol", kind=LostConnectionError):
        show_job("7")


def test_a_refusal_is_final_and_keeps_slurms_words(program):
    program("sbatch", "echo 'sbatch: error: invalid partition specified: gpuu' >&2; exit 1")
    with refused(what="invalid partition specified: gpuu", where="sbatch", remedy="sinfo") as caught:
        run_slurm("sbatch", "--parsable", "job.sh")
    assert type(caught.value) is FirelibError


def test_a_forgotten_job_is_none(program):
    program("scontrol", "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1")
    assert show_job("7") is None


def test_sbatchs_variables_do_not_override_the_script(program, monkeypatch):
    monkeypatch.setenv("SBATCH_EXPORT", "ALL")
    monkeypatch.setenv("SLURM_CONF", "/etc/lab.conf")
    program("sbatch", "env")
    environment = run_slurm("sbatch")
    assert "SBATCH_EXPORT" not in environment
    assert "SLURM_CONF=/etc/lab.conf" in environment


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("echo 'CANCELLED by 1000|0:15'", {"JobState": "CANCELLED", "ExitCode": "0:15"}),
        ("echo 'PREEMPTED|0:0'; echo 'COMPLETED|0:0'", {"JobState": "COMPLETED", "ExitCode": "0:0"}),
        ("true", None),
        ("echo 'Slurm accounting storage is disabled' >&2; exit 1", None),
    ],
)
def test_the_accounting_may_not_exist(program, answer, expected):
    program("sacct", answer)
    assert find_accounted_job("7") == expected
