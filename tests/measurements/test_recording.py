"""Stages that record their own runs."""

import os
import sys
from types import SimpleNamespace

import pytest

from firelib.machine import usable_cores
from firelib.measurements.recording import measure_stage
from firelib.measurements.store import read_runs
from firelib.project_layout import Paths

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
def paths(tmp_path):
    return Paths("mine", str(tmp_path / "storage"), tmp_path)


def recorded(paths):
    return read_runs(paths.project, "mine")


def test_a_whole_run_is_recorded(paths):
    with measure_stage(paths, "transform") as measurement:
        measurement.rows, measurement.row_bytes = 1000, 12.5
    [run] = recorded(paths)
    assert (run.stage, run.rows, run.row_bytes, run.cores) == ("transform", 1000, 12.5, usable_cores())
    assert run.seconds > 0
    assert run.training is None


def test_nothing_new_is_not_recorded(paths):
    with measure_stage(paths, "transform", is_whole=False) as measurement:
        measurement.rows = 1000
    with measure_stage(paths, "extract"):
        pass
    assert recorded(paths) == []


def test_a_failed_run_is_not_recorded(paths):
    def fail():
        with measure_stage(paths, "transform") as measurement:
            measurement.rows = 1000
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert recorded(paths) == []


def test_a_training_is_recorded_with_its_steps(paths):
    with measure_stage(paths, "train") as measurement:
        measurement.rows, measurement.timing, measurement.parameters = 1000, TIMING, 50
        measurement.workers, measurement.batch_rows, measurement.device = 2, 64, "gpu"
    [run] = recorded(paths)
    assert (run.training.workers, run.training.batch_rows, run.training.weights_bytes) == (2, 64, 200)
    assert (run.training.step_seconds, run.training.device) == (0.01, "gpu")
    assert run.training.spread == pytest.approx(0.298, abs=1e-3)
    assert run.training.waiting_seconds == pytest.approx(1e-7 / 500)


@pytest.mark.parametrize("change", [{"restarts": 1.0}, {"step_seconds": 1e9}, {"steps": 0.0}])
def test_a_training_that_restarted_or_had_finished_before_is_not_recorded(paths, change):
    with measure_stage(paths, "train") as measurement:
        measurement.rows, measurement.timing = 1000, {**TIMING, **change}
    assert recorded(paths) == []


def test_figures_that_are_wrong_do_not_fail_the_stage(paths, capsys):
    with measure_stage(paths, "transform") as measurement:
        measurement.rows, measurement.row_bytes = 1000, -1.0
    with measure_stage(paths, "train") as measurement:
        measurement.rows, measurement.timing = 1000, {"steps": 1.0}
    assert capsys.readouterr().err.count("not recorded") == 2
    assert recorded(paths) == []


def test_a_ray_that_is_lost_does_not_fail_the_stage(paths, capsys, monkeypatch):
    def nodes():
        raise ConnectionError("the head is gone")

    with measure_stage(paths, "extract") as measurement:
        monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(is_initialized=lambda: True, nodes=nodes))
        measurement.rows = 1000
    assert "the head is gone" in capsys.readouterr().err


def test_the_load_at_the_start_is_recorded(paths, monkeypatch):
    monkeypatch.setattr(os, "getloadavg", lambda: (3.0 * usable_cores(), 0.0, 0.0))
    with measure_stage(paths, "extract") as measurement:
        monkeypatch.setattr(os, "getloadavg", lambda: (99.0, 0.0, 0.0))
        measurement.rows = 1000
    assert recorded(paths)[0].load == 3


def test_a_project_that_cannot_be_written_does_not_fail_the_stage(paths, capsys):
    (paths.project / ".firelib").write_text("in the way")
    with measure_stage(paths, "extract") as measurement:
        measurement.rows = 1000
    assert "not recorded" in capsys.readouterr().err
