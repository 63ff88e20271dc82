"""`firelib jobs`: all backends are asked at once, and one that does not answer is a row."""

import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from firelib.errors import FirelibError
from firelib.launch.backend import JobStatus
from firelib.launch.backends.local.backend import LocalBackend
from firelib.launch.client import job_list
from firelib.launch.client.job_list import list_jobs
from firelib.launch.client.job_table import row
from firelib.launch.job_record import JobRecord
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
