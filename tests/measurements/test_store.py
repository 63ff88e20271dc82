"""Measured runs, kept in the project."""

from firelib.measurements.stage_run import StageRun
from firelib.measurements.store import read_runs, record_run


def run(rows, **more):
    return StageRun(stage="transform", rows=rows, seconds=1, cores=2, **more)


def test_runs_are_read_as_they_were_recorded(tmp_path):
    first, second = run(1, created="2026-01-01T00:00:00+00:00"), run(2, created="2026-01-02T00:00:00+00:00")
    record_run(tmp_path, "mine", second)
    record_run(tmp_path, "mine", first)
    record_run(tmp_path, "other", run(3))
    assert read_runs(tmp_path, "mine") == [first, second]


def test_a_project_that_never_ran_has_none(tmp_path):
    assert read_runs(tmp_path, "mine") == []


def test_the_newest_runs_of_a_stage_are_kept(tmp_path):
    extract = StageRun(stage="extract", rows=1, seconds=1, cores=1, created="2026-01-01T00:00:00+00:00")
    record_run(tmp_path, "mine", extract)
    for minute in range(25):
        record_run(tmp_path, "mine", run(minute + 1, created=f"2026-01-01T00:{minute:02d}:00+00:00"))
    kept = read_runs(tmp_path, "mine")
    assert [each.rows for each in kept if each.stage == "transform"] == list(range(6, 26))
    assert extract in kept


def test_damaged_files_are_left_out(tmp_path):
    path = record_run(tmp_path, "mine", run(1))
    path.with_name("transform-x.json").write_text("{")
    path.with_name("transform-y.json").write_text('{"stage": "transform", "rows": 0, "seconds": 1, "cores": 1}')
    assert [each.rows for each in read_runs(tmp_path, "mine")] == [1]
