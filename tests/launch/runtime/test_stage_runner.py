"""What happens before a stage's process starts; how it ends is tested with jobs of backend `local`."""

import json

import pytest

from firelib.errors import FirelibError
from firelib.launch.backends.local.supervisor import supervise
from firelib.launch.job_environment import SECRETS
from firelib.launch.runtime.stage_runner import run_stage
from tests.launch.drill import write_project

MISSING = {SECRETS: json.dumps({"A": "env:NOT_THERE"})}


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(write_project(tmp_path))
    return tmp_path


def test_a_missing_secret_is_named():
    with pytest.raises(FirelibError) as caught:
        run_stage(["extract"], MISSING)
    assert "secrets.A:" in caught.value.what
    assert "NOT_THERE" in caught.value.what


def test_the_keeper_leaves_an_exit_code_when_no_stage_starts(project, monkeypatch, capsys):
    monkeypatch.setenv(SECRETS, MISSING[SECRETS])
    assert supervise(project / "kept", ["extract"]) == 1
    assert (project / "kept/exit_code").read_text() == "1"
    assert "NOT_THERE" in capsys.readouterr().err
