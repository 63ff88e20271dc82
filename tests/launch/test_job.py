"""What a job may be, and how it travels."""

import json
import time
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime

import pytest

from firelib.errors import FirelibError
from firelib.launch.job import Gpu, Replicas, Resources, new_job_id
from tests.launch.jobs import job


def test_all_wrong_fields_are_named_at_once():
    with pytest.raises(FirelibError) as refused:
        job(
            command=("firelib", "trian"),
            job_id="My_Job",
            image="two words",
            env={"WANDB_API_KEY": "planted", "TF_CONFIG": "{}", "a-b": "1"},
            secrets={"OTHER_KEY": "planted"},
            resources=Resources(cpus=0, gpu=Gpu("l4", 0)),
            replicas=Replicas(0, "cheap", -1),
            timeout_seconds=0,
            labels={"Team": "vision", "cost": "Centre 5"},
        )
    said = str(refused.value)
    for part in (
        "'firelib trian' is no stage: did you mean 'train'?",
        "job_id: should be small letters",
        "image: should name a container image",
        "env.WANDB_API_KEY: looks like a secret",
        "env.TF_CONFIG: the backend sets it",
        "'a-b' is no name of a variable",
        "secrets.OTHER_KEY: should say where the value comes from",
        "resources.cpus: should be greater than 0, got 0",
        "resources.gpu.count: should be 1 or more, got 0",
        "replicas.count: should be 1 or more, got 0",
        "replicas.buying:",
        "replicas.restarts: should be 0 or more, got -1",
        "timeout_seconds: should be 1 or more, got 0",
        "labels: 'Team'",
        "labels.cost:",
        "where:  job My_Job",
        "remedy:",
    ):
        assert part in said
    assert "planted" not in said


@pytest.mark.parametrize(
    ("reference", "fine"),
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
def test_secrets_are_references(reference, fine):
    if fine:
        assert job(secrets={"WANDB_API_KEY": reference}).secrets["WANDB_API_KEY"] == reference
        return
    with pytest.raises(FirelibError, match=r"secrets\.WANDB_API_KEY"):
        job(secrets={"WANDB_API_KEY": reference})


def test_a_name_stands_once():
    with pytest.raises(FirelibError, match="stands in env and in secrets"):
        job(env={"PLACE": "x"}, secrets={"PLACE": "env:PLACE"})


@pytest.mark.parametrize("words", [(), ("firelib",), ("python", "train.py"), ("firelib", "doctor")])
def test_only_stages_are_sent(words):
    with pytest.raises(FirelibError, match="command:"):
        job(command=words)


def test_a_job_cannot_be_changed():
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
