"""A stage on a machine where nothing is mounted: project and secrets in, outputs out. A folder plays the bucket."""

import base64
import json
import os
import subprocess
import sys

import pytest

from firelib.errors import FirelibError
from firelib.launch.cloud_stage import read_cloud_secrets
from firelib.launch.project_archive import ARCHIVE, archive_uri, fetch_outputs, send_project
from firelib.launch.secret_manager import secret_value
from firelib.launch.variables import SECRETS, stage_variables
from tests.launch.drill import write_project
from tests.launch.jobs import job
from tests.project import ROOT

NAME = "projects/p/secrets/wandb/versions/3"


@pytest.fixture
def spec(tmp_path):
    for name in ("here", "there", "bucket"):
        (tmp_path / name).mkdir()
    project = write_project(tmp_path / "here")
    return job(command=("firelib", "extract"), project=str(project), storage_root=str(tmp_path / "bucket"))


def run_there(spec, folder, **more):
    variables = {**stage_variables(spec), ARCHIVE: archive_uri(spec), "PYTHONPATH": str(ROOT), **more}
    words = [sys.executable, "-m", "firelib.launch.cloud_stage", *spec.command]
    env = {**os.environ, **variables}
    return subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, timeout=240, check=False)


def test_a_project_goes_there_and_its_outputs_come_back(spec, tmp_path):
    send_project(spec)
    done = run_there(spec, tmp_path / "there")
    assert done.returncode == 0, done.stderr
    assert "rows: 100 rows" in done.stderr
    assert fetch_outputs(spec) == ["data/rows/lake.json"]
    assert (tmp_path / "here/data/rows/lake.json").read_bytes() == (tmp_path / "there/data/rows/lake.json").read_bytes()


def test_the_stages_exit_code_comes_out_and_nothing_else(spec, tmp_path):
    send_project(spec)
    assert run_there(spec, tmp_path / "there", DRILL="exit").returncode == 7
    with pytest.raises(FirelibError, match="left nothing"):
        fetch_outputs(spec)


def test_values_of_secrets_go_into_the_environment():
    environ = {SECRETS: json.dumps({"WANDB_API_KEY": f"gcp:{NAME}", "OTHER_KEY": "file:/run/x"})}
    read_cloud_secrets(environ, {NAME: "the value"}.__getitem__)
    assert environ == {"WANDB_API_KEY": "the value", SECRETS: json.dumps({"OTHER_KEY": "file:/run/x"})}


class Answer:
    """What Secret Manager's REST API gives."""

    def __init__(self, code, value=b""):
        self.status_code, self._value = code, value

    def json(self):
        return {"name": NAME, "payload": {"data": base64.b64encode(self._value).decode()}}

    def get(self, address, timeout):
        self.address = address
        return self


def test_a_secret_is_read():
    session = Answer(200, b"the value\n")
    assert secret_value(NAME, session) == "the value"
    assert session.address == f"https://secretmanager.googleapis.com/v1/{NAME}:access"


def test_a_secret_that_may_not_be_read():
    with pytest.raises(FirelibError, match=r"roles/secretmanager\.secretAccessor"):
        secret_value(NAME, Answer(403))
