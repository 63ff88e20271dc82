"""The fields of a job, their checks, and the job as JSON."""

import json
import time
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from firelib.launch.job_spec import Gpu, Replicas, Resources, new_job_id, parse_gpu, parse_job
from tests.errors import refused
from tests.launch.jobs import job


def test_all_wrong_fields_are_reported_at_once():
    with refused(
        what=[
            ("command:", "'firelib trian'", "'train'"),
            ("job_id:", "'My_Job'"),
            ("image:", "'two words'"),
            ("env.WANDB_API_KEY:", "--secret WANDB_API_KEY=env:WANDB_API_KEY"),
            ("env.TF_CONFIG:", "reserved"),
            ("env:", "'a-b'"),
            ("secrets.OTHER_KEY:", "env:…"),
            ("resources.cpus:", "got 0"),
            ("resources.memory_gib:", "'much'"),
            ("resources.gpu.count:", "got 0"),
            ("replicas.count:", "got 0"),
            ("replicas.provisioning:", "'cheap'", "'flex-start'"),
            ("replicas.restarts:", "got -1"),
            ("timeout_seconds:", "got 0"),
            ("labels:", "'Team'"),
            ("labels.cost:", "'Centre 5'"),
        ],
        where="job My_Job",
        remedy="docs/submit.md",
    ) as caught:
        job(
            command=("firelib", "trian"),
            job_id="My_Job",
            image="two words",
            env={"WANDB_API_KEY": "planted", "TF_CONFIG": "{}", "a-b": "1"},
            secrets={"OTHER_KEY": "planted"},
            resources={"cpus": 0, "memory_gib": "much", "gpu": {"kind": "l4", "count": 0}},
            replicas={"count": 0, "provisioning": "cheap", "restarts": -1},
            timeout_seconds=0,
            labels={"Team": "vision", "cost": "Centre 5"},
        )
    assert "planted" not in str(caught.value)


@pytest.mark.parametrize("wrong", [lambda: Resources(cpus=-1), lambda: Replicas(0), lambda: Replicas(1, "cheap")])
def test_parts_of_a_job_are_checked_alone(wrong):
    with pytest.raises(ValidationError):
        wrong()


@pytest.mark.parametrize(
    ("reference", "is_valid"),
    [
        ("env:WANDB_API_KEY", True),
        ("file:~/.netrc", True),
        ("gcp:projects/p/secrets/wandb/versions/3", True),
        ("k8s:wandb/key", True),
        ("gcp:wandb", False),
        ("k8s:wandb", False),
        ("env:", False),
        ("abcdef", False),
    ],
)
def test_secrets_are_references(reference, is_valid):
    if is_valid:
        assert job(secrets={"WANDB_API_KEY": reference}).secrets["WANDB_API_KEY"] == reference
        return
    with refused(what="secrets.WANDB_API_KEY"):
        job(secrets={"WANDB_API_KEY": reference})


def test_a_variable_is_set_once():
    with refused(what=[("env.REGION:", "secrets")]):
        job(env={"REGION": "x"}, secrets={"REGION": "env:REGION"})


@pytest.mark.parametrize("command", [(), ("firelib",), ("python", "train.py"), ("firelib", "doctor")])
def test_only_stages_are_accepted(command):
    with refused(what="command:"):
        job(command=command)


def test_a_stage_without_its_program_is_completed():
    with refused(what=[("command:", "'extract --fresh'", "'firelib extract --fresh'")]):
        job(command=("extract", "--fresh"))


@pytest.mark.parametrize("command", ["firelib train --fresh", ["firelib", "train", "--fresh"]])
def test_a_command_can_be_text_or_a_list(command):
    assert parse_job({"command": command}).command == ("firelib", "train", "--fresh")


def test_a_missing_id_is_generated():
    assert parse_job({"command": "firelib train"}).job_id.startswith("train-")
    with refused(what="command:") as caught:
        parse_job({"command": ["firelib", "Trian"]})
    assert "job_id" not in caught.value.what


@pytest.mark.parametrize("command", ["firelib 'train", 3, [3], None])
def test_a_command_that_cannot_be_read_is_named(command):
    with refused(what="command", where="job.yaml"):
        parse_job({"command": command}, "job.yaml")


@pytest.mark.parametrize(("text", "gpu"), [("l4", Gpu("l4")), ("T4:2", Gpu("t4", 2)), (None, None)])
def test_gpus_as_text(text, gpu):
    assert parse_gpu(text) == gpu
    assert job(resources={"gpu": text}).resources.gpu == gpu


@pytest.mark.parametrize("text", ["", "l4:", "l4:many", "l4:0", ":2"])
def test_wrong_gpus_as_text(text):
    with refused(what=repr(text), where="--gpu", remedy="l4"):
        parse_gpu(text)
    with refused(what=[("resources.gpu:", repr(text))]):
        job(resources={"gpu": text})


def test_a_job_is_immutable():
    with pytest.raises(FrozenInstanceError):
        job().job_id = "other"  # type: ignore[misc]


def test_a_job_survives_json():
    sent = job(
        command=("firelib", "train", "--fresh"),
        env={"FIRELIB_WORKERS": "2"},
        secrets={"WANDB_API_KEY": "env:WANDB_API_KEY"},
        resources=Resources(cpus=2, gpu=Gpu("l4", 2), machine="g2-standard-24"),
        replicas=Replicas(3, "spot", 1),
        labels={"team": "vision"},
        target={"region": "europe-west4"},
    )
    assert type(sent).from_json(json.loads(json.dumps(sent.as_json()))) == sent
    assert type(sent).from_json(json.loads(json.dumps(job().as_json()))) == job()


def test_ids_differ_sort_by_time_and_are_valid():
    first = new_job_id("train", datetime(2026, 11, 23, 9, 5, 1, tzinfo=UTC))
    later = new_job_id("train", datetime(2026, 11, 23, 10, 0, 0, tzinfo=UTC))
    assert first.startswith("train-261123-090501-")
    assert first < later
    assert job(job_id=first).stage == "train"
    moment = datetime.fromtimestamp(time.time(), UTC)
    assert len({new_job_id("train", moment) for _ in range(20)}) > 1
