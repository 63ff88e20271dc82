"""Figures from the runs that a project has recorded."""

import pytest

from firelib.launch.client.capacity.defaults import default_stage, read_defaults
from firelib.launch.client.capacity.measured import build_figures, read_measured
from firelib.stage_records.stage_record import TrainingFigures
from firelib.stage_records.store import RECORDS, write_record
from tests.stage_records.made import measured

START_UP = read_defaults()["start_up"]


def transform(rows, seconds, **more):
    return measured(rows=rows, seconds=seconds, cpu="x", row_bytes=321, **more)


def train(workers, batch, step, load=0.0, **more):
    figures = {"spread": 0.05, "waiting_seconds": 1e-6, "start_seconds": 20, "end_seconds": 9, "weights_bytes": 4000}
    training = TrainingFigures(workers=workers, batch_rows=batch, step_seconds=step, **figures | more)
    return measured("train", rows=10**6, seconds=60, load=load, training=training)


def test_without_runs_all_figures_are_borrowed():
    figures = build_figures([], "flights")
    assert figures.borrowed == ("extract", "transform", "train")
    assert "idle" in figures.origins["train"]
    assert figures.transform.parallel == default_stage("transform").parallel


def test_recorded_runs_replace_the_defaults_of_their_stage():
    figures = build_figures([transform(10**6, 6), transform(10**7, 51)], "mine", block_rows=64)
    assert figures.borrowed == ("extract", "train")
    assert figures.transform.fixed == pytest.approx(1 + START_UP["transform"])
    assert figures.transform.parallel == pytest.approx(1e-5)
    assert (figures.reading.block_rows, figures.reading.row_bytes) == (64, 321)
    assert "2 runs" in figures.origins["transform"]


def test_extract_uses_one_core_however_many_there_are():
    run = measured("extract", rows=10**6, seconds=11, cores=16)
    assert build_figures([run], "mine").extract.parallel == pytest.approx(1e-5)


def test_recorded_trainings_give_steps_and_fixed_seconds():
    runs = [train(1, 1000, 0.012), train(1, 500, 0.007), train(2, 1000, 0.01)]
    training = build_figures(runs, "mine").training
    assert (training.steps.fixed, training.steps.per_row) == pytest.approx((0.002, 1e-5))
    assert training.steps.seconds(1000, 2) == pytest.approx(0.01)
    assert training.start == 20 + START_UP["train"]
    assert (training.end, training.steps.spread, training.steps.weights_bytes) == (9, 0.05, 4000)


def test_trainings_on_gpus_and_of_other_models_are_left_out():
    known = [train(1, 1000, 0.012), train(1, 500, 0.007)]
    others = [train(1, 1000, 9.0, weights_bytes=99), train(2, 1000, 9.0, weights_bytes=99)]
    on_gpus = [train(1, 1000, 1e-5, device="gpu"), train(2, 4000, 1e-5, device="gpu", weights_bytes=7)]
    assert build_figures([*others, *known, *on_gpus], "mine") == build_figures(known, "mine")
    assert "train" in build_figures(on_gpus, "mine").borrowed


def test_runs_on_a_busy_machine_count_only_if_there_are_no_others():
    calm, busy = transform(10**6, 6, load=1.4), transform(10**6, 60, load=1.6)
    assert build_figures([calm, busy], "mine") == build_figures([calm], "mine")
    only = build_figures([busy], "mine")
    assert only.transform.parallel > build_figures([calm], "mine").transform.parallel
    assert "busy machine (load 1.6 a core)" in only.origins["transform"]
    assert build_figures([train(1, 1000, 9.0, load=3), train(1, 1000, 0.012)], "mine").training.steps.per_row < 1e-4


def test_jobs_and_unreadable_files_are_left_out(tmp_path, capsys):
    kept = transform(10**6, 6)
    for record in (kept, transform(10**6, 6, origin="job", job="run-1"), transform(0, 6)):
        write_record(tmp_path, "mine", record)
    (tmp_path / RECORDS / "mine/extract.json").write_text("{")
    assert read_measured(tmp_path, "mine") == [kept]
    assert "extract.json" in capsys.readouterr().err
