"""A job that gets nothing but an image and a storage root: its code comes from there, its outputs go back there."""

import os
import subprocess
import sys

import pytest

from firelib.errors import FirelibError
from firelib.job_context import CODE
from firelib.launch.job_environment import stage_variables
from firelib.launch.transfer.code_transfer import ENTRY, code_uri, send_code, take_code
from firelib.launch.transfer.output_archive import fetch_outputs
from tests.launch.drill import write_project
from tests.launch.jobs import job
from tests.patience import patience
from tests.project import ROOT


@pytest.fixture
def spec(tmp_path):
    (tmp_path / "project").mkdir()
    write_project(tmp_path / "project")
    return job(command=("firelib", "extract"), project=str(tmp_path / "project"), storage_root=str(tmp_path / "root"))


def run_there(spec, tmp_path, **more):
    """The job's stage in an empty folder, as an image's entry point starts it."""
    folder = tmp_path / "container"
    folder.mkdir()
    env = {**os.environ, **stage_variables(spec), CODE: send_code(spec), "PYTHONPATH": str(ROOT), **more}
    words = [sys.executable, *ENTRY[1:], *spec.command]
    return subprocess.run(
        words, cwd=folder, env=env, capture_output=True, text=True, timeout=patience(240), check=False
    )


def test_code_goes_there_and_outputs_come_back(spec, tmp_path):
    done = run_there(spec, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "rows: 100 rows" in done.stderr
    assert fetch_outputs(spec) == ["data/rows/lake.json"]
    there, here = (tmp_path / name / "data/rows/lake.json" for name in ("container", "project"))
    assert there.read_bytes() == here.read_bytes()
    assert (tmp_path / "root/lake/rows").is_dir()
    assert not (tmp_path / "container/storage").exists()


@pytest.mark.integration
def test_the_stages_exit_code_comes_out_and_nothing_else(spec, tmp_path):
    assert run_there(spec, tmp_path, DRILL="exit").returncode == 7
    with pytest.raises(FirelibError) as caught:
        fetch_outputs(spec)
    assert caught.value.where.startswith(spec.storage_root)
    assert spec.job_id in caught.value.remedy


def test_code_that_is_gone_is_said(tmp_path):
    code = str(tmp_path / "code.zip")
    with pytest.raises(FirelibError) as caught:
        take_code({CODE: code}, tmp_path)
    assert caught.value.where == code


def test_without_a_root_there_is_no_way():
    with pytest.raises(FirelibError) as caught:
        code_uri(job())
    assert job().job_id in caught.value.where
    assert "FIRELIB_STORAGE_ROOT" in caught.value.remedy
