"""`firelib jobs`: all backends are asked at once, and one that does not answer is a row."""

import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from firelib.errors import FirelibError
from firelib.launch.backend import JobStatus
from firelib.launch.backends.local.backend import LocalBackend
from firelib.launch.client import job_list
from firelib.launch.client.job_list import group_stages, list_jobs, select_newest
from firelib.launch.client.job_table import row
from firelib.launch.job_record import STAGES_SENT_TO, JobRecord
from tests.launch.jobs import job


class Answers(LocalBackend):
    """A backend that answers as its job's label says."""

    def status(self, record: JobRecord) -> JobStatus:
        kind = record.spec.labels["kind"]
        if kind == "refuses":
            raise FirelibError("the token is wrong\nmore", where="head")
        if kind == "breaks":
            raise KeyError("name")
        if kind == "hangs":
            time.sleep(30)
        return JobStatus("running", seconds=1800.0)


@pytest.fixture(autouse=True)
def _backend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_list, "load_backend", lambda name: Answers())


def record(kind: str, resources: Mapping[str, str] | None = None) -> JobRecord:
    return JobRecord(job(job_id=f"train-{kind}", labels={"kind": kind}, resources=resources or {}), "vertex")


def test_every_job_has_a_row_whatever_its_backend_does() -> None:
    begun = time.monotonic()
    jobs = list_jobs([record(kind) for kind in ("runs", "refuses", "breaks", "hangs")], timeout=1)
    assert time.monotonic() - begun < 10
    assert [job.status.state if job.status else None for job in jobs] == ["running", None, None, None]
    assert [job.problem for job in jobs] == ["", "the token is wrong", "KeyError: 'name'", "no answer within 1 s"]
    assert [row(job)[:3] for job in jobs[:2]] == [
        ["train-runs", "vertex", "train"],
        ["train-refuses", "vertex", "train"],
    ]
    assert "the token is wrong" in row(jobs[1])[3]


def test_cost_is_known_for_rented_machines_that_report_their_time() -> None:
    rented, own = list_jobs([record("runs", {"machine": "g2-standard-8"}), record("runs")], timeout=5)
    assert rented.cost is not None
    assert 0 < rented.cost < 5
    assert own.cost is None
    assert row(rented)[5].startswith("about $")


def test_no_jobs_are_no_threads(tmp_path: Path) -> None:
    assert list_jobs([], timeout=1) == []


def whole_run(number: int) -> list[JobRecord]:
    """A run and the two stages that it has sent."""
    run = JobRecord(job(job_id=f"run-{number}", command="firelib run", labels={"kind": "runs"}), "local")
    stages = [
        JobRecord(
            job(
                job_id=f"run-{number}-{stage}",
                command=f"firelib {stage}",
                labels={"kind": "runs"},
                resources={"machine": "n1-standard-8"},
            ),
            "vertex",
        )
        for stage in ("extract", "transform")
    ]
    return [JobRecord(run.spec, "local", {STAGES_SENT_TO: "vertex"}), *stages]


def test_a_whole_run_is_one_row_with_its_last_stage_and_its_whole_cost() -> None:
    listed = group_stages(list_jobs([*whole_run(1), record("runs")], timeout=5))
    assert [row(each)[:3] for each in listed] == [
        ["run-1", "vertex", "run: transform"],
        ["train-runs", "vertex", "train"],
    ]
    [run, _] = listed
    costs = [stage.cost for stage in run.stages]
    assert run.cost == pytest.approx(sum(cost for cost in costs if cost is not None))
    assert all(costs)


def test_stages_come_with_their_run_and_do_not_count() -> None:
    records = [*whole_run(1), *whole_run(2), record("runs")]
    assert [each.job_id for each in select_newest(records, 2)] == [
        "run-2",
        "run-2-extract",
        "run-2-transform",
        "train-runs",
    ]
    assert select_newest(records, 9) == records
