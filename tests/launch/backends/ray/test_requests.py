"""Requests to Ray, and the jobs that are refused without asking Ray."""

import json

import pytest

from firelib.errors import FirelibError
from firelib.launch.backends.ray.backend import RayBackend
from firelib.launch.backends.registry import validate_job
from firelib.launch.job_spec import Gpu, Replicas, Resources
from tests.errors import refused
from tests.launch.jobs import job
from tests.launch.problems import has_problem

TARGET = {"address": "http://head:8265"}


def test_request():
    request = RayBackend().request(
        job(
            command=("firelib", "train", "--fresh"),
            project="/home/me/project",
            env={"FIRELIB_WORKERS": "3"},
            secrets={"WANDB_API_KEY": "file:/etc/firelib/wandb"},
            timeout_seconds=60,
            labels={"team": "vision"},
            storage_root="gs://bucket/root",
            target=TARGET,
        )
    )
    environment = request["runtime_env"]
    assert "/models/" in environment.pop("excludes")
    assert request == {
        "address": "http://head:8265",
        "entrypoint": "firelib in-job train --fresh",
        "submission_id": "train-1",
        "metadata": {"team": "vision"},
        "entrypoint_num_cpus": 0,
        "runtime_env": {
            "working_dir": "/home/me/project",
            "env_vars": {
                "FIRELIB_JOB_ID": "train-1",
                "FIRELIB_JOB_SECONDS": "60",
                "FIRELIB_JOB_SECRETS": '{"WANDB_API_KEY": "file:/etc/firelib/wandb"}',
                "FIRELIB_RAY_ADDRESS": "",
                "FIRELIB_STORAGE_ROOT": "gs://bucket/root",
                "FIRELIB_WORKERS": "3",
                "RAY_JOB_STOP_WAIT_TIME_S": "60",
            },
        },
    }
    assert json.dumps(request)


def test_arguments_are_quoted_for_the_shell():
    spec = job(command=("firelib", "--params", "pipelines/a b/params.yaml", "train", "--tracking=$(id)"), target=TARGET)
    assert (
        RayBackend().request(spec)["entrypoint"]
        == "firelib in-job --params 'pipelines/a b/params.yaml' train '--tracking=$(id)'"
    )


def test_all_problems_are_reported_at_once():
    spec = job(
        image="repository/trainer:1",
        secrets={"WANDB_API_KEY": "env:WANDB_API_KEY"},
        resources=Resources(gpu=Gpu("l4"), machine="g2-standard-8"),
        replicas=Replicas(3, "spot", 2),
        storage_root="storage",
        target={"adress": "head:6379"},
    )
    with pytest.raises(FirelibError) as caught:
        validate_job("ray", spec)
    for parts in (
        ("target.adress", "'address'"),
        ("target.address", "FIRELIB_RAY_ADDRESS"),
        ("image:", "'repository/trainer:1'"),
        ("replicas.count:", "3"),
        ("replicas.restarts:", "2"),
        ("resources.machine:", "'g2-standard-8'"),
        ("storage_root:", "'storage'"),
        ("secrets.WANDB_API_KEY:", "file:PATH"),
    ):
        assert has_problem(caught.value, *parts), parts


def test_an_address_without_a_scheme_is_refused():
    with refused(what=[("target.address:", "http://HOST:8265", "'head:6379'")]):
        validate_job("ray", job(target={"address": "head:6379"}))
