"""The stages of `firelib run` find their jobs; a job of a killed run is neither doubled nor forgotten."""

from dataclasses import replace

import pytest

from firelib import storage
from firelib.launch.backend import JobStatus
from firelib.launch.backends.local.backend import LocalBackend
from firelib.launch.client.whole_run import remote_run
from firelib.launch.client.whole_run.remote_run import cancel_stages, read_stage_job, send_run
from firelib.launch.job_record import STAGES_SENT_TO, JobRecord, read_records, write_record
from firelib.launch.job_spec import JobSpec
from tests.errors import refused
from tests.launch.jobs import job


class Answers(LocalBackend):
    """A backend whose jobs run, until they are cancelled, unless their label says that they have ended."""

    cancelled: list[str] = []  # noqa: RUF012  one list for all instances, as one environment

    def status(self, record: JobRecord) -> JobStatus:
        is_over = "ended" in record.spec.labels or record.job_id in self.cancelled
        return JobStatus("failed" if is_over else "running")

    def cancel(self, record: JobRecord) -> None:
        self.cancelled.append(record.job_id)


@pytest.fixture(autouse=True)
def _backend(monkeypatch):
    monkeypatch.setattr(Answers, "cancelled", [])
    monkeypatch.setattr(remote_run, "load_backend", lambda name: Answers())


@pytest.fixture
def train(tmp_path):
    return job(project=str(tmp_path), job_id="run-1-train", image="trainer@sha256:1", storage_root="gs://bucket/x")


@pytest.fixture
def file(tmp_path, train):
    path = tmp_path / "stages.json"
    path.write_bytes(storage.to_json({"backend": "vertex", "stages": {"train": train.as_json()}}))
    return path


def test_a_stage_finds_its_job_and_keeps_its_own_options(file, train):
    command = ("firelib", "--params", "pipelines/x/params.yaml", "train", "--fresh")
    assert read_stage_job(file, command) == ("vertex", replace(train, command=command))


def test_a_stage_that_was_not_checked_is_refused(file):
    with refused(what="tune", where=file, remedy="firelib submit --to vertex -- firelib tune"):
        read_stage_job(file, ("firelib", "tune"))


def test_a_lost_description_is_refused(tmp_path):
    with refused(where=tmp_path / "none.json", remedy="submit"):
        read_stage_job(tmp_path / "none.json", ("firelib", "train"))


def test_a_second_job_of_a_stage_gets_another_id(file, train, tmp_path):
    write_record(tmp_path, JobRecord(replace(train, labels={"ended": "yes"}), "vertex"))
    assert read_stage_job(file, ("firelib", "train"))[1].job_id == "run-1-train-2"


def test_a_stage_whose_earlier_job_still_runs_is_refused(file, train, tmp_path):
    """Two trainings of the same run would compete: the process here was killed, the machines went on."""
    write_record(tmp_path, JobRecord(replace(train, job_id="run-0-train"), "vertex"))
    with refused(what="run-0-train", remedy=["firelib logs run-0-train", "firelib cancel run-0-train"]):
        read_stage_job(file, ("firelib", "train"))


def test_cancelling_a_run_whose_process_was_killed_cancels_its_stages(train, tmp_path):
    run = JobRecord(replace(train, job_id="run-1"), "local", {STAGES_SENT_TO: "vertex"})
    over = replace(train, job_id="run-1-extract", labels={"ended": "yes"})
    for record in (run, JobRecord(over, "vertex"), JobRecord(train, "vertex")):
        write_record(tmp_path, record)
    write_record(tmp_path, JobRecord(replace(train, job_id="run-2-train"), "vertex"))
    cancel_stages(run)
    assert Answers.cancelled == ["run-1-train"]


class Refuses(Answers):
    """A backend that knows of a problem before anything is sent."""

    def preflight(self, spec: JobSpec) -> list[str]:
        return [f"image: the registry has no {spec.image}"]


def test_a_problem_of_one_stage_sends_none(train, tmp_path):
    extract = replace(train, job_id="run-1-extract", image="extract@sha256:1")
    run = replace(train, job_id="run-1", command=("firelib", "run"))
    with refused(what=["extract@sha256:1", "trainer@sha256:1"], where="run-1"):
        send_run(Refuses(), run, {"extract": extract, "train": train})
    assert read_records(tmp_path) == []
    assert not (tmp_path / ".firelib").exists()
