"""What a job may be, and how it travels."""

import json
import time
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime

import pytest

from firelib.errors import FirelibError
from firelib.launch.job_spec import Gpu, Replicas, Resources, new_job_id
from tests.launch.jobs import job
from tests.launch.problems import has_problem


def test_all_wrong_fields_are_named_at_once():
    with pytest.raises(FirelibError) as caught:
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
    for parts in (
        ("command:", "'firelib trian'", "'train'"),
        ("job_id:", "'My_Job'"),
        ("image:", "'two words'"),
        ("env.WANDB_API_KEY:", "--secret WANDB_API_KEY=env:WANDB_API_KEY"),
        ("env.TF_CONFIG:",),
        ("env:", "'a-b'"),
        ("secrets.OTHER_KEY:", "env:"),
        ("resources.cpus:", "got 0"),
        ("resources.gpu.count:", "got 0"),
        ("replicas.count:", "got 0"),
        ("replicas.buying:", "'cheap'"),
        ("replicas.restarts:", "got -1"),
        ("timeout_seconds:", "got 0"),
        ("labels:", "'Team'"),
        ("labels.cost:", "'Centre 5'"),
    ):
        assert has_problem(caught.value, *parts), parts
    assert caught.value.where == "job My_Job"
    assert caught.value.remedy
    assert "planted" not in str(caught.value)


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
    with pytest.raises(FirelibError) as caught:
        job(secrets={"WANDB_API_KEY": reference})
    assert has_problem(caught.value, "secrets.WANDB_API_KEY:")


def test_a_name_stands_once():
    with pytest.raises(FirelibError) as caught:
        job(env={"PLACE": "x"}, secrets={"PLACE": "env:PLACE"})
    assert has_problem(caught.value, "env.PLACE:", "secrets")


@pytest.mark.parametrize("words", [(), ("firelib",), ("python", "train.py"), ("firelib", "doctor")])
def test_only_stages_are_sent(words):
    with pytest.raises(FirelibError) as caught:
        job(command=words)
    assert has_problem(caught.value, "command:")


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
