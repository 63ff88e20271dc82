"""Records of runs, kept in the project: of this version and of earlier ones."""

import json
import os
from pathlib import Path

import pytest

from firelib import storage
from firelib.stage_records.ray_activity import Node, Task, TaskTotal
from firelib.stage_records.stage_record import VERSION, TrainingFigures
from firelib.stage_records.store import (
    RECORDS,
    find_job_records,
    is_record_of_job,
    prune_job_records,
    read_records,
    write_record,
)
from tests.errors import refused
from tests.stage_records.made import measured

NODE = Node("10.0.0.1", is_head=True, cpus=2, gpus=0, memory_gib=4, object_store_gib=1)
TRAINING = TrainingFigures(
    workers=2,
    batch_rows=64,
    step_seconds=0.1,
    spread=0,
    waiting_seconds=0,
    start_seconds=1,
    end_seconds=1,
    weights_bytes=4,
)


def at(minute: int) -> str:
    return f"2026-01-01T00:{minute:02d}:00+00:00"


def test_records_are_read_as_they_were_written(tmp_path: Path) -> None:
    totals, tasks = (TaskTotal("read", 2, 1, 3.0),), (Task("read", "10.0.0.1", "ab", 0.5, 1.5),)
    first = measured("train", begun=at(1), nodes=(NODE,), totals=totals, tasks=tasks, training=TRAINING)
    second = measured(begun=at(2), origin="job", job="run-1")
    write_record(tmp_path, "mine", second)
    write_record(tmp_path, "mine", first)
    write_record(tmp_path, "other", measured())
    stored = read_records(tmp_path, "mine")
    assert (stored.records, stored.problems) == ([first, second], [])


def test_a_project_that_never_ran_has_none(tmp_path: Path) -> None:
    assert read_records(tmp_path, "mine").records == []


def test_the_newest_runs_of_a_stage_that_measured_a_rate_are_kept(tmp_path: Path) -> None:
    extract, job = measured("extract"), measured(begun=at(0), origin="job", job="run-1")
    write_record(tmp_path, "mine", extract)
    write_record(tmp_path, "mine", job)
    for minute in range(25):
        write_record(tmp_path, "mine", measured(rows=minute + 1, begun=at(minute)))
        write_record(tmp_path, "mine", measured(rows=0, begun=at(minute)))
    kept = read_records(tmp_path, "mine").records
    own = [record for record in kept if record.stage == "transform" and record.origin == "project"]
    assert [record.rows for record in own if record.rows] == list(range(6, 26))
    assert [record.begun for record in own if not record.rows] == [at(24)]
    assert extract in kept
    assert job in kept


def test_what_a_job_has_recorded_is_one_record_however_often_it_is_written(tmp_path: Path) -> None:
    record = measured(origin="job", job="run-1")
    assert write_record(tmp_path, "mine", record) == write_record(tmp_path, "mine", record)
    [file] = find_job_records(tmp_path)
    assert is_record_of_job(file.relative_to(tmp_path).as_posix())


@pytest.mark.parametrize(
    "name",
    [
        ".firelib/stages/mine/train.json",
        ".firelib/stages/mine/job-1-train.json",
        ".firelib/stages/mine/job-x-tune.json",
        ".firelib/stages/../job-x-train.json",
        ".firelib/stages/mine/deep/job-x-train.json",
        ".firelib/jobs/mine/job-x-train.json",
        "x/.firelib/stages/mine/job-x-train.json",
    ],
)
def test_other_files_are_no_record_of_a_job(name: str) -> None:
    assert not is_record_of_job(name)


def test_other_files_are_named_and_the_records_are_read(tmp_path: Path) -> None:
    path = write_record(tmp_path, "mine", measured())
    others = {"a": "{", "b": '{"stage": "train"}', "c": "[]", "d": json.dumps({"version": VERSION + 1})}
    for name, content in others.items():
        path.with_name(f"{name}.json").write_text(content)
    stored = read_records(tmp_path, "mine")
    assert stored.records == [measured()]
    damaged, lacking, list_, newer = stored.problems
    for problem, what in ((damaged, "JSON"), (lacking, "begun"), (newer, VERSION + 1)):
        with refused(what=what, where=problem.where or "", remedy="file"):
            raise problem
    assert str(list_.where).endswith("c.json")


def test_records_of_version_1_are_read(tmp_path: Path) -> None:
    """Reports had one file for each stage; plans had many, elsewhere, which counted nodes."""
    nodes = [{"address": "10.0.0.1", "is_head": True, "cpus": 2, "gpus": 0, "memory_gib": 4, "object_store_gib": 1}]
    total = {"name": "read", "tasks": 2, "nodes": 1, "seconds": 3.0}
    report = {"stage": "extract", "begun": at(1), "seconds": 2.5, "nodes": nodes, "totals": [total], "tasks": []}
    rate = {"rows": 10, "cores": 2.0, "cpu": "x", "load": 0.5, "row_bytes": 4.0, "training": TRAINING.model_dump()}
    plan = {"stage": "train", "created": at(2), "seconds": 9.0, "nodes": 3, **rate}
    storage.write_bytes(str(tmp_path / RECORDS / "mine/extract.json"), storage.to_json(report))
    storage.write_bytes(str(tmp_path / ".firelib/measurements/mine/train-x.json"), storage.to_json(plan))
    stored = read_records(tmp_path, "mine")
    assert stored.problems == []
    extract, train = stored.records
    assert (extract.stage, extract.nodes, extract.totals[0].tasks, extract.measures_rate) == (
        "extract",
        (NODE,),
        2,
        False,
    )
    assert (train.stage, train.begun, train.nodes, train.training) == ("train", at(2), (), TRAINING)
    assert train.measures_rate


def test_the_report_of_a_run_of_version_1_is_that_with_its_nodes(tmp_path: Path) -> None:
    """The file for plans has a later time and no nodes."""
    rate = {"rows": 10, "cores": 2.0, "cpu": "x", "load": 0.5, "row_bytes": 4.0}
    plan = {"stage": "extract", "created": at(2), "seconds": 9.0, "nodes": 1, **rate}
    storage.write_bytes(
        str(tmp_path / RECORDS / "mine/extract.json"),
        storage.to_json({"stage": "extract", "begun": at(1), "seconds": 2.5}),
    )
    storage.write_bytes(str(tmp_path / ".firelib/measurements/mine/extract-x.json"), storage.to_json(plan))
    assert [record.origin for record in read_records(tmp_path, "mine").records] == ["project", "earlier"]


def test_a_record_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / RECORDS / "mine/extract.json").mkdir(parents=True)
    stored = read_records(tmp_path, "mine")
    assert stored.records == []
    assert "extract.json" in str(stored.problems[0].where)


def test_the_newest_records_of_jobs_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / RECORDS / "mine"
    for number in range(25):
        for stage in ("extract", "train"):
            file = folder / f"job-run-{number}-{stage}.json"
            storage.write_bytes(str(file), b"{}")
            os.utime(file, (number, number))
    prune_job_records(tmp_path)
    assert sorted(file.name for file in folder.iterdir()) == sorted(
        f"job-run-{number}-{stage}.json" for number in range(5, 25) for stage in ("extract", "train")
    )
