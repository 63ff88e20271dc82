"""The replica is detected from the variables of each platform."""

import json

import pytest

from firelib.launch.runtime.replica import ReplicaIdentity, detect_replica
from firelib.launch.vertex_variables import vertex_variables
from tests.errors import refused

HOSTS = ("job-0", "job-1", "job-2")


@pytest.mark.parametrize("index", [0, 1, 2])
@pytest.mark.parametrize("only", ["CLUSTER_SPEC", "TF_CONFIG"])
def test_vertex(index, only):
    variables = vertex_variables("job", HOSTS, index, "gs://b/out")
    assert detect_replica({only: variables[only]}) == ReplicaIdentity(index, HOSTS, 3)


def test_a_single_replica_has_no_identity():
    assert detect_replica(vertex_variables("job", HOSTS[:1], 0, "gs://b/out")) is None
    assert detect_replica({}) is None


def test_a_running_ray_cluster_takes_precedence():
    assert detect_replica({**vertex_variables("job", HOSTS, 1, "gs://b/out"), "RAY_ADDRESS": "head:6379"}) is None


def test_tensorflow_evaluators_are_not_replicas():
    config = {"cluster": {"chief": ["a:1"], "evaluator": ["b:1"]}, "task": {"type": "chief", "index": 0}}
    assert detect_replica({"TF_CONFIG": json.dumps(config)}) is None


def test_kubernetes():
    environ = {"JOB_COMPLETION_INDEX": "2", "FIRELIB_REPLICAS": "3", "FIRELIB_HEAD_HOST": "job-0.job"}
    assert detect_replica(environ) == ReplicaIdentity(2, ("job-0.job",), 3)
    assert detect_replica({**environ, "FIRELIB_REPLICAS": "1", "JOB_COMPLETION_INDEX": "0"}) is None


@pytest.mark.parametrize(
    ("environ", "parts"),
    [
        ({"CLUSTER_SPEC": "{"}, ["CLUSTER_SPEC", "'{'"]),
        ({"CLUSTER_SPEC": '{"cluster": {}, "task": {}}'}, ["CLUSTER_SPEC", "task"]),
        (
            {"TF_CONFIG": '{"cluster": {"chief": ["a:1"]}, "task": {"type": "worker", "index": 4}}'},
            ["TF_CONFIG", "worker 4"],
        ),
        (
            {"JOB_COMPLETION_INDEX": "3", "FIRELIB_REPLICAS": "3"},
            [("JOB_COMPLETION_INDEX:", "FIRELIB_REPLICAS=3", "got 3"), "FIRELIB_HEAD_HOST"],
        ),
        (
            {"JOB_COMPLETION_INDEX": "x", "FIRELIB_REPLICAS": "3", "FIRELIB_HEAD_HOST": "a"},
            [("JOB_COMPLETION_INDEX:", "'x'")],
        ),
    ],
)
def test_contradictions_are_named(environ, parts):
    with refused(what=parts, where="the environment of this replica") as caught:
        detect_replica(environ)
    assert caught.value.remedy


def test_vertex_variables_have_the_format_of_vertex():
    variables = vertex_variables("123", HOSTS[:2], 1, "gs://b/out")
    spec = json.loads(variables["CLUSTER_SPEC"])
    assert spec["cluster"] == {"workerpool0": ["job-0:2222"], "workerpool1": ["job-1:2222"]}
    assert spec["task"] == {"type": "workerpool1", "index": 0, "trial": ""}
    assert json.loads(variables["TF_CONFIG"])["cluster"] == {"chief": ["job-0:2222"], "worker": ["job-1:2222"]}
    assert variables["AIP_MODEL_DIR"] == "gs://b/out/model/"
