"""Jobs that were sent are found again by their id."""

import pytest

from firelib.errors import FirelibError
from firelib.launch.job_record import JobRecord, read_record, records, write_record
from firelib.launch.job_spec import Gpu, Resources
from tests.launch.jobs import job


def test_a_record_comes_back_whole(tmp_path):
    sent = JobRecord(job(resources=Resources(gpu=Gpu("l4"))), "ray", {"address": "http://head:8265"})
    write_record(tmp_path, sent)
    assert read_record(tmp_path, "train-1") == sent


def test_records_are_listed_newest_last(tmp_path):
    for name, when in (("b-1", "2026-11-23T10:00:00+00:00"), ("a-1", "2026-11-23T11:00:00+00:00")):
        write_record(tmp_path, JobRecord(job(job_id=name), "local", submitted=when))
    assert [record.job_id for record in records(tmp_path)] == ["b-1", "a-1"]


def test_no_jobs_yet(tmp_path):
    assert records(tmp_path) == []
    with pytest.raises(FirelibError) as caught:
        read_record(tmp_path, "train-1")
    assert "'train-1'" in caught.value.what
    assert str(tmp_path) in caught.value.where


def test_unknown_id_names_the_nearest(tmp_path):
    write_record(tmp_path, JobRecord(job(job_id="train-261123-090501-1f9c"), "local"))
    with pytest.raises(FirelibError) as caught:
        read_record(tmp_path, "train-261123-090501-1f9d")
    assert "'train-261123-090501-1f9c'" in caught.value.remedy


def test_an_id_that_is_a_path_is_unknown(tmp_path):
    with pytest.raises(FirelibError) as caught:
        read_record(tmp_path, "../../etc/passwd")
    assert "'../../etc/passwd'" in caught.value.what


def test_a_secret_is_kept_as_a_reference_only(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "planted-secret")
    write_record(tmp_path, JobRecord(job(secrets={"WANDB_API_KEY": "env:WANDB_API_KEY"}), "local"))
    text = "".join(file.read_text() for file in tmp_path.rglob("*.json"))
    assert "env:WANDB_API_KEY" in text
    assert "planted-secret" not in text
