"""The replica is detected from the variables of each platform."""

import json

import pytest

from firelib.launch.runtime.platforms import PLATFORMS
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
    assert spec["task"] == {"type": "workerpool1", "index": 0}
    assert json.loads(variables["TF_CONFIG"])["cluster"] == {"chief": ["job-0:2222"], "worker": ["job-1:2222"]}
    assert variables["AIP_MODEL_DIR"] == "gs://b/out/model/"


# As containers of Vertex AI have seen it. Its documentation shows `job` as an object, with a `trial` in the task.
GOOGLES_SPEC = {
    "cluster": {
        "workerpool0": ["cmle-training-workerpool0-4c1d6d97d0-0:2222"],
        "workerpool1": [f"cmle-training-workerpool1-4c1d6d97d0-{index}:2222" for index in range(3)],
    },
    "environment": "cloud",
    "task": {"type": "workerpool1", "index": 2},
    "job": '{"python_module":"","package_uris":[],"job_args":[]}',
    "open_ports": [3333],
}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"job": {"worker_pool_specs": [{"replica_count": 1}, {"replica_count": 3}], "scheduling": {}}},
        {"task": {"type": "workerpool1", "index": "2", "trial": "7"}},
    ],
)
def test_googles_own_form_of_cluster_spec(change):
    found = detect_replica({"CLUSTER_SPEC": json.dumps({**GOOGLES_SPEC, **change})})
    assert (found.index, found.count) == (3, 4)
    assert found.hosts[0] == "cmle-training-workerpool0-4c1d6d97d0-0"


def test_docker_sets_the_same_fields_as_google():
    ours = json.loads(vertex_variables("123", HOSTS, 1, "gs://b/out")["CLUSTER_SPEC"])
    assert {name: type(value) for name, value in ours.items()} == {
        name: type(value) for name, value in GOOGLES_SPEC.items()
    }


def test_the_platform_and_the_smallest_number_of_replicas_belong_to_the_replica():
    variables = vertex_variables("job", HOSTS, 1, "gs://b/out")
    found = detect_replica({**variables, "FIRELIB_PLATFORM": "vertex", "FIRELIB_MIN_REPLICAS": "2"})
    assert (found.required, found.platform) == (2, PLATFORMS["vertex"])
    assert detect_replica(variables).required == 3
