"""Submitted jobs are found again by their id."""

from pathlib import Path

from firelib.launch.job_record import JobRecord, read_record, read_records, write_record
from firelib.launch.job_spec import Gpu, Replicas, Resources
from tests.errors import refused
from tests.launch.jobs import job

#: Written by firelib at commit c50ac8e, before jobs were checked by pydantic and `buying` became `provisioning`.
EARLIER = Path(__file__).with_name("fixtures") / "job_record_c50ac8e.json"


def test_a_record_survives_writing_and_reading(tmp_path):
    sent = JobRecord(job(resources=Resources(gpu=Gpu("l4"))), "ray", {"address": "http://head:8265"})
    write_record(tmp_path, sent)
    assert read_record(tmp_path, "train-1") == sent


def test_a_record_of_an_earlier_commit_is_read_and_written_with_the_same_bytes(tmp_path):
    file = tmp_path / ".firelib/jobs/train-261125-090501-1f9c.json"
    file.parent.mkdir(parents=True)
    file.write_bytes(EARLIER.read_bytes())
    record = read_record(tmp_path, "train-261125-090501-1f9c")
    assert record.spec.replicas == Replicas(3, "spot", 2)
    assert record.spec.resources == Resources(2.0, 7.5, Gpu("t4", 2), "n1-standard-8")
    assert record.spec.command == ("firelib", "train", "--fresh")
    file.unlink()
    write_record(tmp_path, record)
    assert file.read_bytes() == EARLIER.read_bytes()


def test_records_are_listed_newest_last(tmp_path):
    for name, when in (("b-1", "2026-11-23T10:00:00+00:00"), ("a-1", "2026-11-23T11:00:00+00:00")):
        write_record(tmp_path, JobRecord(job(job_id=name), "local", submitted=when))
    assert [record.job_id for record in read_records(tmp_path)] == ["b-1", "a-1"]


def test_a_project_without_jobs(tmp_path):
    assert read_records(tmp_path) == []
    with refused(what="'train-1'", where=tmp_path):
        read_record(tmp_path, "train-1")


def test_unknown_id_names_the_nearest(tmp_path):
    write_record(tmp_path, JobRecord(job(job_id="train-261123-090501-1f9c"), "local"))
    with refused(remedy="'train-261123-090501-1f9c'"):
        read_record(tmp_path, "train-261123-090501-1f9d")


def test_an_id_that_is_a_path_is_unknown(tmp_path):
    with refused(what="'../../etc/passwd'"):
        read_record(tmp_path, "../../etc/passwd")


def test_a_secret_is_recorded_as_a_reference_only(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "planted-secret")
    write_record(tmp_path, JobRecord(job(secrets={"WANDB_API_KEY": "env:WANDB_API_KEY"}), "local"))
    text = "".join(file.read_text() for file in tmp_path.rglob("*.json"))
    assert "env:WANDB_API_KEY" in text
    assert "planted-secret" not in text
