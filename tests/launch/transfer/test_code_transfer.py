"""Jobs with only an image and a storage root: code and outputs travel through the storage root."""

import os
import subprocess
import sys

import pytest

from firelib.job_context import CODE
from firelib.launch.job_environment import stage_variables
from firelib.launch.transfer.code_transfer import ENTRY, code_uri, send_code, unpack_code
from firelib.launch.transfer.output_archive import fetch_outputs
from firelib.stage_records.store import read_records
from tests.errors import refused
from tests.launch.drill import write_project
from tests.launch.jobs import job
from tests.patience import patience
from tests.project import ROOT


@pytest.fixture
def spec(tmp_path):
    (tmp_path / "project").mkdir()
    write_project(tmp_path / "project")
    return job(command=("firelib", "extract"), project=str(tmp_path / "project"), storage_root=str(tmp_path / "root"))


def run_in_container_folder(spec, tmp_path, **more):
    """Run the job's stage in an empty folder, as an image's entry point does."""
    folder = tmp_path / "container"
    folder.mkdir()
    env = {**os.environ, **stage_variables(spec), CODE: send_code(spec), "PYTHONPATH": str(ROOT), **more}
    command = [sys.executable, *ENTRY[1:], *spec.command]
    return subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, timeout=patience(240), check=False
    )


def test_code_and_outputs_are_transferred(spec, tmp_path):
    done = run_in_container_folder(spec, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "rows: 100 rows" in done.stderr
    record = f".firelib/stages/rows/job-{spec.job_id}-extract.json"
    assert fetch_outputs(spec) == [record, "data/rows/lake.json"]
    [run] = read_records(tmp_path / "project", "rows").records
    assert (run.stage, run.origin, run.job, run.rows) == ("extract", "job", spec.job_id, 100)
    there, here = (tmp_path / name / "data/rows/lake.json" for name in ("container", "project"))
    assert there.read_bytes() == here.read_bytes()
    assert (tmp_path / "root/lake/rows").is_dir()
    assert not (tmp_path / "container/storage").exists()


@pytest.mark.integration
def test_a_failed_stage_returns_its_exit_code_and_no_outputs(spec, tmp_path):
    assert run_in_container_folder(spec, tmp_path, DRILL="exit").returncode == 7
    with refused(where=spec.storage_root, remedy=spec.job_id):
        fetch_outputs(spec)


def test_missing_code_is_named(tmp_path):
    code = str(tmp_path / "code.zip")
    with refused(where=code):
        unpack_code({CODE: code}, tmp_path)


def test_damaged_code_is_named(tmp_path):
    (tmp_path / "code.zip").write_bytes(b"no archive")
    with refused(where=tmp_path / "code.zip"):
        unpack_code({CODE: str(tmp_path / "code.zip")}, tmp_path)


def test_a_job_without_storage_root_is_refused():
    with refused(where=job().job_id, remedy="FIRELIB_STORAGE_ROOT"):
        code_uri(job())
