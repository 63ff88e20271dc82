"""The variables of a stage; secrets are read where the stage runs, and never shown."""

import os

import pytest

from firelib.gcp.machine_types import Gpu
from firelib.launch.job_environment import read_secrets, select_forwarded, shared_root, stage_variables
from firelib.launch.job_spec import Replicas, Resources
from tests.errors import refused
from tests.launch.jobs import job


def test_secrets_from_the_environment_and_from_private_files(tmp_path):
    (tmp_path / "key").write_text("planted\n")
    (tmp_path / "key").chmod(0o600)
    found = read_secrets({"A_KEY": "env:MINE", "B_KEY": f"file:{tmp_path}/key"}, {"MINE": "other"})
    assert found == {"A_KEY": "other", "B_KEY": "planted"}


def test_all_missing_secrets_are_named_and_none_shown(tmp_path):
    (tmp_path / "open").write_text("planted")
    (tmp_path / "open").chmod(0o644)
    os.mkfifo(tmp_path / "fifo", 0o600)
    problems = [("secrets.A:", "NOT_SET"), ("secrets.B:", "No such file"), ("secrets.C:", "chmod 600")]
    problems += [("secrets.D:", "regular file", f"{tmp_path}/fifo"), ("secrets.E:", "regular file")]
    special = {"D": f"file:{tmp_path}/fifo", "E": f"file:{tmp_path}"}
    with refused(what=problems, where="secrets of the job") as caught:
        read_secrets({"A": "env:NOT_SET", "B": f"file:{tmp_path}/none", "C": f"file:{tmp_path}/open", **special}, {})
    assert "planted" not in str(caught.value)


def test_variables_hold_references_only(monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "planted")
    variables = stage_variables(job(secrets={"WANDB_API_KEY": "env:WANDB_API_KEY"}))
    assert "planted" not in str(variables)
    assert variables["FIRELIB_JOB_ID"] == "train-1"
    assert variables["FIRELIB_RAY_ADDRESS"] == ""


@pytest.mark.parametrize(
    ("root", "shared"),
    [
        (None, None),
        ("storage", None),
        ("~/x", None),
        ("/mnt/shared", "/mnt/shared"),
        ("gs://bucket/x", "gs://bucket/x"),
    ],
)
def test_only_roots_outside_the_project_are_shared(root, shared):
    assert shared_root(root) == shared


def test_settings_of_this_machine_are_not_forwarded():
    environ = {"FIRELIB_WORKERS": "2", "FIRELIB_NUM_CPUS": "8", "FIRELIB_CACHE": "/home/me", "WANDB_API_KEY": "planted"}
    assert select_forwarded(environ) == {"FIRELIB_WORKERS": "2"}


def test_a_job_with_gpus_expects_them_on_each_replica_and_uses_all():
    variables = stage_variables(job(resources=Resources(gpu=Gpu("t4", 2)), replicas=Replicas(4)))
    assert (variables["FIRELIB_EXPECTED_GPUS"], variables["FIRELIB_WORKERS"]) == ("2", "8")


def test_the_number_of_workers_can_be_chosen():
    spec = job(resources=Resources(gpu=Gpu("t4", 2)), env={"FIRELIB_WORKERS": "1"})
    assert stage_variables(spec)["FIRELIB_WORKERS"] == "1"


@pytest.mark.parametrize(("stage", "gpus"), [("evaluate", "2"), ("tune", "2"), ("extract", None), ("transform", None)])
def test_only_stages_that_compute_on_gpus_expect_them(stage, gpus):
    variables = stage_variables(job(command=("firelib", stage), resources=Resources(gpu=Gpu("t4", 2))))
    assert variables.get("FIRELIB_EXPECTED_GPUS") == gpus
    assert "FIRELIB_WORKERS" not in variables


def test_other_jobs_get_neither():
    variables = stage_variables(job())
    assert not {"FIRELIB_EXPECTED_GPUS", "FIRELIB_WORKERS", "FIRELIB_MIN_REPLICAS"} & set(variables)
