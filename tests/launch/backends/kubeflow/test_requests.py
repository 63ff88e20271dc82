"""Objects for Kubernetes, checked against the models that Kubeflow publishes."""

import json

import kubeflow_trainer_api.models as published
import pytest

from firelib.errors import FirelibError
from firelib.launch.backends.kubeflow.resources import parse_job_status
from firelib.launch.backends.registry import validate_job
from firelib.launch.job_spec import Gpu, Replicas, Resources
from firelib.launch.runtime.replica import detect_replica
from tests.launch.backends.vertex.test_requests import IMAGE
from tests.launch.drill import firelib_here, write_project
from tests.launch.golden_file import same_as_before
from tests.launch.jobs import job
from tests.launch.problems import has_problem

FULL = {
    "replicas": Replicas(3, "spot", 2),
    "resources": Resources(cpus=6, memory_gib=24, gpu=Gpu("t4", 2), machine="n1-standard-8"),
    "timeout_seconds": 3600,
    "labels": {"team": "vision"},
    "secrets": {"WANDB_API_KEY": "k8s:wandb/key"},
    "target": {"namespace": "lab", "service_account": "trainer"},
}
JOBS = {"trainjob_one_replica": {}, "trainjob_three_spot_with_gpus": FULL}
JOBS["rayjob_three_spot_with_gpus"] = {**FULL, "target": {**FULL["target"], "kind": "RayJob"}}


def cluster_job(**fields):
    return job(**{"image": IMAGE, "storage_root": "gs://bucket/firelib", **fields})


def objects(**fields):
    spec = cluster_job(**fields)
    return validate_job("kubeflow", spec).request(spec)["objects"]


@pytest.mark.parametrize("name", JOBS)
def test_requests_equal_the_golden_files(name):
    same_as_before(f"{name}.json", {"objects": objects(**JOBS[name])})


@pytest.mark.parametrize("name", ["trainjob_one_replica", "trainjob_three_spot_with_gpus"])
def test_kubeflows_models_accept_every_field(name):
    runtime, train = objects(**JOBS[name])
    assert published.TrainerV1alpha1TrainingRuntime.from_dict(runtime).to_dict() == runtime
    assert published.TrainerV1alpha1TrainJob.from_dict(train).to_dict() == train


def test_pods_of_a_ray_job_are_valid():
    [ray_job] = objects(**JOBS["rayjob_three_spot_with_gpus"])
    cluster = ray_job["spec"]["rayClusterSpec"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        assert published.IoK8sApiCoreV1PodTemplateSpec.from_dict(group["template"]).to_dict() == group["template"]


def test_pods_know_their_index():
    _, train = objects(**FULL)
    given = {each["name"]: each.get("value", "") for each in train["spec"]["trainer"]["env"]}
    place = detect_replica({**given, "JOB_COMPLETION_INDEX": "2"})
    assert (place.index, place.count, place.hosts) == (2, 3, ("train-1-node-0-0.train-1",))


def test_secrets_are_references(monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "planted")
    _, train = objects(secrets={"WANDB_API_KEY": "k8s:wandb/key"})
    assert {"name": "WANDB_API_KEY", "valueFrom": {"secretKeyRef": {"name": "wandb", "key": "key"}}} in (
        train["spec"]["trainer"]["env"]
    )
    assert "planted" not in json.dumps(train)


def test_all_problems_are_reported_at_once():
    with pytest.raises(FirelibError) as caught:
        objects(
            image="firelib-trainer:latest",
            storage_root="/home/me",
            queue_seconds=5,
            secrets={"A_KEY": "env:A_KEY"},
            resources=Resources(machine="e2-standard-4", gpu=Gpu("l4")),
            target={"kind": "Job", "zone": "b"},
        )
    for parts in (
        ("target.zone",),
        ("image:", "firelib-trainer:latest"),
        ("storage_root:", "'/home/me'"),
        ("queue_seconds",),
        ("secrets.A_KEY",),
        ("resources.gpu:", "e2-standard-4", "l4"),
        ("target.kind:", "TrainJob", "RayJob", "'Job'"),
    ):
        assert has_problem(caught.value, *parts), parts


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ({}, "queued"),
        ({"jobsStatus": [{"name": "node", "active": 3}]}, "running"),
        ({"conditions": [{"type": "Complete", "status": "True"}]}, "succeeded"),
        ({"conditions": [{"type": "Failed", "status": "True", "message": "deadline"}]}, "failed"),
        ({"conditions": [{"type": "Failed", "status": "False"}]}, "queued"),
    ],
)
def test_states_of_a_train_job(status, state):
    assert parse_job_status({"kind": "TrainJob", "status": status}).state == state


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ({}, "queued"),
        ({"jobStatus": "RUNNING"}, "running"),
        ({"jobStatus": "SUCCEEDED"}, "succeeded"),
        ({"jobStatus": "RUNNING", "jobDeploymentStatus": "Failed"}, "failed"),
    ],
)
def test_states_of_a_ray_job(status, state):
    assert parse_job_status({"kind": "RayJob", "status": status}).state == state


def test_dry_run_needs_no_cluster(tmp_path):
    write_project(tmp_path)
    words = ["submit", "--to", "kubeflow", "--dry-run", "--image", IMAGE, "--replicas", "2"]
    done = firelib_here(tmp_path, *words, FIRELIB_STORAGE_ROOT="gs://bucket/x", KUBECONFIG="nowhere")
    assert done.returncode == 0, done.stderr
    assert [each["kind"] for each in json.loads(done.stdout)["objects"]] == ["TrainingRuntime", "TrainJob"]
