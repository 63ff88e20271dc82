"""Requests for containers, and the jobs that are refused without asking Docker."""

import json

import pytest

from firelib.errors import FirelibError
from firelib.launch.backends.docker.backend import DockerBackend
from firelib.launch.backends.registry import validate_job
from firelib.launch.job_spec import Gpu, Replicas, Resources
from firelib.launch.runtime.replica import detect_replica
from tests.errors import refused
from tests.launch.jobs import job
from tests.launch.problems import has_problem


def requested(**fields):
    return DockerBackend().request(job(project="/home/me/p", storage_root="/home/me/p/storage", **fields))


def test_each_replica_knows_its_index():
    containers = requested(replicas=Replicas(3))["containers"]
    assert [detect_replica(container["env"]).index for container in containers] == [0, 1, 2]
    assert {detect_replica(container["env"]).hosts for container in containers} == {
        ("train-1-0", "train-1-1", "train-1-2")
    }
    assert [container["name"] for container in containers] == ["train-1-0", "train-1-1", "train-1-2"]


def test_request_of_one_container():
    [container] = requested(
        resources=Resources(1.5, 2, Gpu("l4")), replicas=Replicas(restarts=2), labels={"team": "vision"}
    )["containers"]
    assert container["limits"] == {
        "shm-size": "1g",
        "cpus": "1.5",
        "memory": "2048m",
        "gpus": "1",
        "restart": "on-failure:2",
    }
    assert container["mounts"] == {"/home/me/p": "/project", "/home/me/p/storage": "/firelib/storage"}
    assert container["labels"] == {"team": "vision", "firelib.job": "train-1", "firelib.replica": "0"}
    assert container["env"]["FIRELIB_STORAGE_ROOT"] == "/firelib/storage"
    assert container["env"]["FIRELIB_NUM_CPUS"] == "1"
    assert container["env"]["AIP_CHECKPOINT_DIR"] == "/firelib/storage/jobs/train-1/output/checkpoints/"
    assert container["command"] == ["firelib", "train"]


@pytest.mark.parametrize(
    ("stage", "image"),
    [("extract", "firelib-extract"), ("transform", "firelib-transform"), ("train", "firelib-trainer")],
)
def test_each_component_has_its_image(stage, image):
    [container] = requested(command=("firelib", stage))["containers"]
    assert container["image"] == image


def test_a_bucket_is_not_mounted():
    [container] = DockerBackend().request(job(project="/p", storage_root="gs://b/r"))["containers"]
    assert container["mounts"] == {"/p": "/project"}
    assert container["env"]["FIRELIB_STORAGE_ROOT"] == "gs://b/r"


def test_secrets_are_files_in_the_container(monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "planted")
    [container] = requested(secrets={"WANDB_API_KEY": "env:WANDB_API_KEY"})["containers"]
    assert json.loads(container["env"]["FIRELIB_JOB_SECRETS"]) == {"WANDB_API_KEY": "file:/run/secrets/WANDB_API_KEY"}
    assert "planted" not in json.dumps(container)


def test_all_problems_are_reported_at_once():
    spec = job(
        replicas=Replicas(2, "spot"),
        resources=Resources(machine="g2-standard-8"),
        secrets={"A_KEY": "gcp:projects/p/secrets/s/versions/1"},
        target={"kill_replica": "2@60s"},
    )
    with pytest.raises(FirelibError) as caught:
        validate_job("docker", spec)
    for field in ("resources.machine:", "replicas.provisioning:", "target.kill_replica:", "secrets.A_KEY:"):
        assert has_problem(caught.value, field)


@pytest.mark.parametrize("text", ["1", "x@3s", "1@", "-1@3s"])
def test_malformed_kill_replica_is_refused(text):
    with refused(what=[("target.kill_replica:", repr(text))]):
        validate_job("docker", job(replicas=Replicas(2), target={"kill_replica": text}))
