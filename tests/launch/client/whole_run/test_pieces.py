"""`firelib submit -- firelib run` on a backend that runs each stage as a job of its own: processes of this machine."""

import os

import numpy as np
import psutil
import pytest

from firelib.launch.job_record import read_records
from tests.dvc_pipeline.test_run import Project
from tests.launch.flights_project import weights
from tests.patience import wait_until

BACKEND = """
from firelib.launch.backends.local.backend import LocalBackend

class Pieces(LocalBackend):
    name = "pieces"
    runs_components = True
"""
ENTRY_POINTS = "[firelib.backends]\npieces = pieces_backend:Pieces\n"
STAGES = ["extract", "transform", "train", "evaluate"]


@pytest.fixture(scope="module")
def variables(tmp_path_factory):
    """The variables with which processes find the backend, as one of an installed package."""
    folder = tmp_path_factory.mktemp("package")
    (folder / "pieces_backend.py").write_text(BACKEND)
    (folder / "pieces-1.dist-info").mkdir()
    (folder / "pieces-1.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: pieces\nVersion: 1\n")
    (folder / "pieces-1.dist-info/entry_points.txt").write_text(ENTRY_POINTS)
    return {"PYTHONPATH": f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}", "FIRELIB_TRACKING": "none"}


def submit(project, *options):
    return project.do("firelib", "submit", "--to", "pieces", *options, "--", "firelib", "run", check=False)


@pytest.mark.integration
def test_the_run_is_one_job_for_the_user(variables, tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("project"), **variables)
    done = submit(project)
    assert done.returncode == 0, done.stderr
    assert project.json("metrics/signs/test.json")["roc_auc"] > 0.9
    run, *stages = read_records(project.folder)
    assert [record.spec.stage for record in (run, *stages)] == ["run", *STAGES]
    assert all(record.is_stage_of(run) for record in stages)
    assert project.json("models/signs/lineage.json")["job"] == f"{run.job_id}-train"
    listed = project.do("firelib", "jobs").stdout
    assert listed.count("run-") == 1
    assert "run: evaluate" in listed
    assert "pieces" in listed
    assert project.do("firelib", "status", run.job_id).returncode == 0
    again = submit(project)
    assert "nothing to do" in again.stderr
    assert len(read_records(project.folder)) == 6  # one more run, and no more stages


@pytest.mark.slow
def test_the_run_is_the_same_as_here(variables, tmp_path_factory):
    here, there = (Project(tmp_path_factory.mktemp(name), **variables) for name in ("here", "there"))
    here.do("firelib", "run")
    assert submit(there).returncode == 0
    assert there.json("data/signs/tfrecords/manifest.json") == here.json("data/signs/tfrecords/manifest.json")
    assert np.allclose(weights(there.folder, "signs"), weights(here.folder, "signs"), rtol=0, atol=1e-5)


@pytest.mark.slow
def test_a_detached_run_is_cancelled_and_continued(variables, tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("project"), **variables)
    job = submit(project, "--detach").stdout.strip()
    wait_until(lambda: len(stages_of(project, job)) >= 2, 120, "the transform runs")
    project.do("firelib", "cancel", job)
    wait_until(lambda: project.do("firelib", "status", job, check=False).returncode != 0, 120, "the run has ended")
    stages = stages_of(project, job)
    assert not any(is_running(record) for record in stages)
    continued = submit(project)
    assert continued.returncode == 0, continued.stderr
    assert project.json("metrics/signs/test.json")["roc_auc"] > 0.9
    sent = [record.spec.stage for record in read_records(project.folder)[len(stages) + 2 :]]
    assert "extract" not in sent  # it was over: DVC does not send it again


def stages_of(project, job):
    return [record for record in read_records(project.folder) if record.job_id.startswith(f"{job}-")]


def is_running(record):
    try:
        return psutil.Process(int(record.handle["pid"])).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
