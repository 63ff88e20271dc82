"""Stages that record their own runs."""

import os
import sys
from types import SimpleNamespace

import pytest

from firelib.job_context import CODE, JOB_ID
from firelib.machine import usable_cores
from firelib.project_layout import Paths
from firelib.stage_records.recording import record_stage
from firelib.stage_records.store import find_job_records, read_records

TIMING = {
    "start_up_seconds": 0.0,
    "step_seconds": 1e-6,
    "data_seconds": 1e-7,
    "steps": 10.0,
    "step_p50": 0.01,
    "step_p99": 0.02,
    "restarts": 0.0,
}


@pytest.fixture
def paths(tmp_path, monkeypatch):
    monkeypatch.delenv(JOB_ID, raising=False)
    return Paths("mine", str(tmp_path / "storage"), tmp_path)


def recorded(paths):
    return read_records(paths.project, "mine").records


def test_a_whole_run_is_recorded(paths):
    with record_stage("transform", paths) as measurement:
        measurement.rows, measurement.row_bytes = 1000, 12.5
    [run] = recorded(paths)
    assert (run.stage, run.rows, run.row_bytes, run.cores) == ("transform", 1000, 12.5, usable_cores())
    assert run.seconds > 0
    assert run.training is None


def test_work_of_which_a_part_was_done_before_says_nothing_about_a_rate(paths):
    with record_stage("transform", paths, is_whole=False) as measurement:
        measurement.rows = 1000
    with record_stage("evaluate", paths):
        pass
    assert {run.stage: run.measures_rate for run in recorded(paths)} == {"transform": False, "evaluate": False}


def test_a_failed_run_is_not_recorded(paths):
    def fail():
        with record_stage("transform", paths) as measurement:
            measurement.rows = 1000
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert recorded(paths) == []


def test_a_training_is_recorded_with_its_steps(paths):
    with record_stage("train", paths) as measurement:
        measurement.rows, measurement.timing, measurement.parameters = 1000, TIMING, 50
        measurement.workers, measurement.batch_rows, measurement.device = 2, 64, "gpu"
    [run] = recorded(paths)
    assert (run.training.workers, run.training.batch_rows, run.training.weights_bytes) == (2, 64, 200)
    assert (run.training.step_seconds, run.training.device) == (0.01, "gpu")
    assert run.training.spread == pytest.approx(0.298, abs=1e-3)
    assert run.training.waiting_seconds == pytest.approx(1e-7 / 500)


@pytest.mark.parametrize("change", [{"restarts": 1.0}, {"step_seconds": 1e9}, {"steps": 0.0}])
def test_a_training_that_restarted_or_had_finished_before_says_nothing_about_a_rate(paths, change):
    with record_stage("train", paths) as measurement:
        measurement.rows, measurement.timing = 1000, {**TIMING, **change}
    [run] = recorded(paths)
    assert (run.stage, run.measures_rate, run.training) == ("train", False, None)


def test_figures_that_are_wrong_do_not_fail_the_stage(paths, capsys):
    with record_stage("transform", paths) as measurement:
        measurement.rows, measurement.row_bytes = 1000, -1.0
    with record_stage("train", paths) as measurement:
        measurement.rows, measurement.timing = 1000, {"steps": 1.0}
    assert capsys.readouterr().err.count("not recorded") == 2
    assert recorded(paths) == []


def test_a_ray_that_is_lost_does_not_fail_the_stage(paths, capsys, monkeypatch):
    def nodes():
        raise ConnectionError("the head is gone")

    with record_stage("extract", paths) as measurement:
        monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(is_initialized=lambda: True, nodes=nodes))
        measurement.rows = 1000
    assert "the head is gone" in capsys.readouterr().err


def test_the_load_at_the_start_is_recorded(paths, monkeypatch):
    monkeypatch.setattr(os, "getloadavg", lambda: (3.0 * usable_cores(), 0.0, 0.0))
    with record_stage("extract", paths) as measurement:
        monkeypatch.setattr(os, "getloadavg", lambda: (99.0, 0.0, 0.0))
        measurement.rows = 1000
    assert recorded(paths)[0].load == 3


def test_a_project_that_cannot_be_written_does_not_fail_the_stage(paths, capsys):
    (paths.project / ".firelib").write_text("in the way")
    with record_stage("extract", paths) as measurement:
        measurement.rows = 1000
    assert "not recorded" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("variables", "origin"),
    [
        ({}, "project"),
        ({JOB_ID: "run-1"}, "project"),  # backends local, docker and slurm run in the project itself
        ({JOB_ID: "run-1", CODE: "gs://b/code.zip"}, "job"),
        ({JOB_ID: "run-1", "RAY_JOB_CONFIG_JSON_ENV_VAR": "{}"}, "job"),
    ],
)
def test_a_job_whose_outputs_go_back_leaves_a_record_for_them(paths, monkeypatch, variables, origin):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with record_stage("evaluate", paths):
        pass
    [run] = recorded(paths)
    assert (run.origin, run.job) == (origin, variables.get(JOB_ID))
    assert [file.name for file in find_job_records(paths.project)] == ["job-run-1-evaluate.json"] * (origin == "job")
