"""Errors before a stage's process starts; tests of backend `local` cover the end of a stage."""

import json

import pytest

from firelib.launch.backends.local.supervisor import supervise
from firelib.launch.job_environment import SECRETS
from firelib.launch.runtime.stage_runner import run_stage
from tests.errors import refused
from tests.launch.drill import write_project

MISSING = {SECRETS: json.dumps({"A": "env:NOT_SET"})}


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(write_project(tmp_path))
    return tmp_path


def test_a_missing_secret_is_named():
    with refused(what=[("secrets.A:", "NOT_SET")]):
        run_stage(["extract"], MISSING)


def test_the_supervisor_writes_an_exit_code_when_the_stage_does_not_start(project, monkeypatch, capsys):
    monkeypatch.setenv(SECRETS, MISSING[SECRETS])
    assert supervise(project / "kept", ["extract"]) == 1
    assert (project / "kept/exit_code").read_text() == "1"
    assert "NOT_SET" in capsys.readouterr().err
