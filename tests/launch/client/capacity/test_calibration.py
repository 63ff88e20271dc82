"""`firelib plan --measure`: stages in a folder of their own."""

import pytest
import yaml

from firelib.config import load_params, parse_params
from firelib.launch.client.capacity.calibration import Step, _list_steps, calibrate, run_step, write_params
from firelib.launch.client.capacity.measured import read_measured
from firelib.project_layout import Paths
from tests.errors import refused
from tests.project import ROOT

PARAMS = load_params(ROOT / "params.yaml")


@pytest.mark.parametrize(("rows", "copies"), [(327_346, 7), (10, 1000), (10**9, 2)])
def test_the_second_transform_is_large_enough(rows, copies):
    second, *trainings = _list_steps(PARAMS, rows)
    assert second.changes == {"data": {"scale": copies}}
    assert {step.command for step in trainings} == {("train", "--fresh")}
    assert {step.changes["train"]["device"] for step in trainings} == {"cpu"}
    batch = PARAMS.train.global_batch_size
    assert [step.changes["train"].get("global_batch_size", batch) for step in trainings[:2]] == [batch, batch // 2]


@pytest.mark.parametrize(
    "section",
    [
        {"train": {"checkpoint": {"every_seconds": None}, "early_stopping": {"patience": 3}}},
        {"train": {"class_weights": {0: 1.0, 1: 2.5}}},
        {"data": {"split": {"validation_from": "2024-01-31", "test_from": "2024-03-01"}}},
    ],
)
def test_the_parameters_are_those_of_the_project(section, tmp_path):
    raw = yaml.safe_load((ROOT / "params.yaml").read_text())
    for name, values in section.items():
        raw[name] = {**raw[name], **values}
    params = parse_params(raw, "params.yaml")
    (tmp_path / "params.yaml").write_text(write_params(params, {}))
    assert load_params(tmp_path / "params.yaml") == params


def test_a_stage_that_fails_is_named_and_changes_nothing(tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    paths = Paths("flights", str(project / "storage"), project)
    with refused(what=["transform", "lake.json"], where="firelib plan --measure", remedy="firelib transform"):
        run_step(Step(("transform", "--fresh")), PARAMS, paths, tmp_path)
    assert list(project.iterdir()) == []


@pytest.mark.integration
def test_all_stages_are_measured_and_recorded(tmp_path):
    paths = Paths("flights", str(tmp_path / "storage"), tmp_path)
    runs = calibrate(PARAMS, paths)
    assert sorted(run.stage for run in runs)[:3] == ["extract", "train", "train"]
    small, large = (run.rows for run in runs if run.stage == "transform")
    assert large == 7 * small
    figures = [run.training for run in runs if run.training]
    assert [(each.workers, each.batch_rows) for each in figures][:2] == [(1, 1024), (1, 512)]
    assert all(each.weights_bytes > 100_000 and each.device == "cpu" for each in figures)
    kept = read_measured(tmp_path, "flights")
    assert len(kept) == len(runs)
    assert {(run.origin, run.tasks) for run in kept} == {("calibration", ())}
    assert [path.name for path in tmp_path.iterdir()] == [".firelib"]
