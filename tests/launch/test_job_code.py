"""A job that gets nothing but an image and a storage root: its code comes from there, its outputs go back there."""

import os
import subprocess
import sys

import pytest

from firelib.errors import FirelibError
from firelib.launch.job_code import code_uri, send_code, take_code
from firelib.launch.outputs import outputs_uri, unpack_outputs
from firelib.launch.variables import stage_variables
from firelib.passing import CODE
from firelib.storage import read_bytes
from tests.launch.drill import write_project
from tests.launch.jobs import job


@pytest.fixture
def spec(tmp_path):
    (tmp_path / "project").mkdir()
    write_project(tmp_path / "project")
    return job(command=("firelib", "extract"), project=str(tmp_path / "project"), storage_root=str(tmp_path / "root"))


def test_code_goes_there_and_outputs_come_back(spec, tmp_path):
    (tmp_path / "container").mkdir()
    environment = {**os.environ, **stage_variables(spec), CODE: send_code(spec)}
    done = subprocess.run(
        [sys.executable, "-m", "firelib.launch.bootstrap", *spec.command],
        cwd=tmp_path / "container",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    packed = read_bytes(outputs_uri(str(tmp_path / "root"), spec.job_id))
    assert unpack_outputs(packed, tmp_path / "project") == ["data/rows/lake.json"]
    assert (tmp_path / "root/lake/rows").is_dir()
    assert not (tmp_path / "container/storage").exists()


def test_code_that_is_gone_is_said(tmp_path):
    with pytest.raises(FirelibError, match="the job's code is not there"):
        take_code({CODE: str(tmp_path / "code.zip")}, tmp_path)


def test_without_a_root_there_is_no_way():
    with pytest.raises(FirelibError, match="no storage root"):
        code_uri(job())
